import { OutageMonitor } from '../../lib/async/outage-monitor.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { CredentialRepository } from '../../ports/credentials.ts';
import type { EncryptedValues } from '../../ports/encrypted-values.ts';
import { MonitoredCredentials } from './monitored-credentials.ts';
import { SqliteCredentials } from './sqlite-credentials.ts';

export type OpenCredentialsDeps = Readonly<{
  databaseCredentials: CredentialRepository;
  report: Pick<BusinessEvents, 'credentialsSaveFailed' | 'credentialsSaveRecovered'>;
  monotonicMs: () => number;
}>;

export type OpenCredentialsOptions = Readonly<{
  sessionStore: 'local' | 'database';
  /** Directory of the SQLite file of the local store. */
  sessionsDirectory: string;
}>;

export type OpenedCredentials = Disposable &
  Readonly<{
    repository: CredentialRepository;
    /** Values of the local store; undefined when the credentials are in the database. */
    localEncryptedValues: EncryptedValues | undefined;
  }>;

/** Opens the configured store of WhatsApp credentials: a local SQLite file or the database. */
export function openCredentials(
  { databaseCredentials, report, monotonicMs }: OpenCredentialsDeps,
  { sessionStore, sessionsDirectory }: OpenCredentialsOptions,
): OpenedCredentials {
  const local = sessionStore === 'local' ? new SqliteCredentials(sessionsDirectory) : undefined;
  const outage = new OutageMonitor(
    {
      began: (error) => report.credentialsSaveFailed(error),
      ended: (durationMs) => report.credentialsSaveRecovered(durationMs),
    },
    monotonicMs,
  );
  return {
    repository: new MonitoredCredentials(local ?? databaseCredentials, outage),
    localEncryptedValues: local?.encryptedValues,
    [Symbol.dispose]: () => local?.[Symbol.dispose](),
  };
}
