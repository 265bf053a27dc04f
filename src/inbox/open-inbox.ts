import { Spool } from './spool.ts';
import { WebhookAddresses, type WebhookAddressesOptions } from './webhook-authenticator.ts';
import { type InboxDependencies, WebhookInbox } from './webhook-inbox.ts';
import { WebhookStore, type WebhookStoreOptions } from './webhook-writer.ts';
import type { SecretBox } from '../crypto/keyring.ts';

export type IntakeOptions = WebhookAddressesOptions &
  Pick<WebhookStoreOptions, 'queue' | 'report' | 'drained'> &
  Pick<InboxDependencies, 'lanes' | 'batch' | 'now'> &
  Readonly<{ spoolDirectory: string; box: SecretBox }>;

export type Intake = AsyncDisposable &
  Readonly<{ addresses: WebhookAddresses; spool: Spool; store: WebhookStore; inbox: WebhookInbox }>;

/** How webhooks come in and become durable. */
export async function openIntake(options: IntakeOptions): Promise<Intake> {
  const { spoolDirectory, box, companies, queue, lanes, batch, report, drained, now, monotonicMs } = options;
  await using scope = new AsyncDisposableStack();
  const spool = scope.use(
    await Spool.open({
      directory: spoolDirectory,
      box,
      damaged: (segment, lines) => report.spoolDamaged(segment, lines),
    }),
  );
  const store = scope.use(new WebhookStore({ queue, spool, report, monotonicMs, drained }));
  const addresses = new WebhookAddresses({ companies, monotonicMs });
  const inbox = new WebhookInbox({
    addresses,
    write: (jobs) => store.write(jobs),
    batch,
    lanes,
    report,
    refused: (cause) => store.missed(cause),
    now,
    monotonicMs,
  });
  const opened = scope.move();
  return { addresses, spool, store, inbox, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
