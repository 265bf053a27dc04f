import type { Keyring } from '../../crypto/keyring.ts';
import { OutageMonitor } from '../../lib/async/outage-monitor.ts';
import { KeyRotation } from '../../jobs/key-rotation.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Storage } from '../../storage/open-storage.ts';
import type { CredentialRepository } from './credential-store.ts';
import { SqliteCredentials } from './sqlite-credentials.ts';
import { MonitoredCredentials } from './monitored-credentials.ts';

export type CredentialsDeps = Readonly<{
  config: Readonly<{ sessionStore: 'local' | 'database'; directories: Readonly<{ sessions: string }> }>;
  storage: Pick<Storage, 'credentials' | 'encryptedValues'>;
  keyring: Keyring;
  report: BusinessEvents;
  monotonicMs: () => number;
}>;

export type Credentials = AsyncDisposable &
  Readonly<{ credentialRepository: CredentialRepository; keyRotation: KeyRotation }>;

/** Where WhatsApp credentials are kept, and what keeps all that is sealed under the first encryption key. */
export function openCredentials(deps: CredentialsDeps): Credentials {
  const { config, storage, keyring, report, monotonicMs } = deps;
  const scope = new AsyncDisposableStack();
  const local =
    config.sessionStore === 'local'
      ? scope.use(new SqliteCredentials(config.directories.sessions))
      : undefined;
  const outage = new OutageMonitor(
    {
      began: (error) => report.credentialsSaveFailed(error),
      ended: (lastedMs) => report.credentialsSaveRecovered(lastedMs),
    },
    monotonicMs,
  );
  const stores =
    local === undefined ? [storage.encryptedValues] : [storage.encryptedValues, local.encryptedValues];
  return {
    credentialRepository: new MonitoredCredentials(local ?? storage.credentials, outage),
    keyRotation: scope.use(new KeyRotation({ stores, keyring, report })),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}
