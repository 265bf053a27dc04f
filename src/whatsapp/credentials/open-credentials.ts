import type { SecretBox } from '../../crypto/keyring.ts';
import { Outage } from '../../lib/async/outage-monitor.ts';
import { KeyRotation } from '../../jobs/key-rotation.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Storage } from '../../storage/open-storage.ts';
import type { QuarantiningRows } from './credential-store.ts';
import { SqliteCredentialRows } from './sqlite-credentials.ts';
import { WatchedCredentialRows } from './monitored-credentials.ts';

export type CredentialsOptions = Readonly<{
  config: Readonly<{ sessionStore: 'local' | 'database'; directories: Readonly<{ sessions: string }> }>;
  storage: Pick<Storage, 'credentialRows' | 'sealedValues'>;
  box: SecretBox;
  report: BusinessEvents;
  monotonicMs: () => number;
}>;

export type Credentials = AsyncDisposable & Readonly<{ rows: QuarantiningRows; keyRotation: KeyRotation }>;

/** Where WhatsApp credentials are kept, and what keeps all that is sealed under the first encryption key. */
export function openCredentials(options: CredentialsOptions): Credentials {
  const { config, storage, box, report, monotonicMs } = options;
  const scope = new AsyncDisposableStack();
  const local =
    config.sessionStore === 'local'
      ? scope.use(new SqliteCredentialRows(config.directories.sessions))
      : undefined;
  const outage = new Outage(
    {
      began: (error) => report.credentialsNotSaved(error),
      ended: (lastedMs) => report.credentialsSavedAgain(lastedMs),
    },
    monotonicMs,
  );
  const stores = local === undefined ? [storage.sealedValues] : [storage.sealedValues, local.sealedValues];
  return {
    rows: new WatchedCredentialRows(local ?? storage.credentialRows, outage),
    keyRotation: scope.use(new KeyRotation({ stores, box, report })),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}
