import { OutageMonitor } from '../../lib/async/outage-monitor.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { EncryptedValues } from '../../ports/encrypted-values.ts';
import type { CredentialRepository } from './credential-store.ts';
import { MonitoredCredentials } from './monitored-credentials.ts';
import { SqliteCredentials } from './sqlite-credentials.ts';

export type OpenCredentialsOptions = Readonly<{
  sessionStore: 'local' | 'database';
  /** Where the SQLite file lies when the store is local. */
  sessionsDirectory: string;
  databaseCredentials: CredentialRepository;
  report: Pick<BusinessEvents, 'credentialsSaveFailed' | 'credentialsSaveRecovered'>;
  monotonicMs: () => number;
}>;

export type OpenedCredentials = Disposable &
  Readonly<{
    repository: CredentialRepository;
    /** Values of the local store; undefined when the database has them. */
    localEncryptedValues: EncryptedValues | undefined;
  }>;

/** Opens the store of WhatsApp credentials that the configuration names: a local SQLite file or the database. */
export function openCredentials(options: OpenCredentialsOptions): OpenedCredentials {
  const { sessionStore, sessionsDirectory, databaseCredentials, report, monotonicMs } = options;
  const local = sessionStore === 'local' ? new SqliteCredentials(sessionsDirectory) : undefined;
  const outage = new OutageMonitor(
    {
      began: (error) => report.credentialsSaveFailed(error),
      ended: (lastedMs) => report.credentialsSaveRecovered(lastedMs),
    },
    monotonicMs,
  );
  return {
    repository: new MonitoredCredentials(local ?? databaseCredentials, outage),
    localEncryptedValues: local?.encryptedValues,
    [Symbol.dispose]: () => local?.[Symbol.dispose](),
  };
}
