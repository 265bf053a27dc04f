import type { Keyring } from '../crypto/keyring.ts';
import { Spool } from './spool.ts';
import { CachedWebhookAuthenticator, type WebhookAuthenticatorDeps } from './webhook-authenticator.ts';
import { WebhookInbox, type WebhookInboxDeps, type WebhookInboxOptions } from './webhook-inbox.ts';
import { WebhookWriter, type WebhookWriterDeps } from './webhook-writer.ts';

export type InboxDeps = WebhookAuthenticatorDeps &
  Pick<WebhookWriterDeps, 'queue' | 'report'> &
  Pick<WebhookInboxDeps, 'burstDetector' | 'now'> &
  Readonly<{ keyring: Keyring }>;

export type InboxOptions = WebhookInboxOptions & Readonly<{ spoolDirectory: string }>;

export type OpenedInbox = AsyncDisposable &
  Readonly<{
    webhookAuthenticator: CachedWebhookAuthenticator;
    webhookWriter: WebhookWriter;
    spool: Spool;
    inbox: WebhookInbox;
  }>;

/** Opens the spool and builds the parts that accept webhooks. */
export async function openInbox(deps: InboxDeps, options: InboxOptions): Promise<OpenedInbox> {
  const { keyring, companies, queue, report, burstDetector, now, monotonicMs } = deps;
  await using scope = new AsyncDisposableStack();
  const spool = scope.use(
    await Spool.open({
      directory: options.spoolDirectory,
      keyring,
      onDamagedSegment: (segment, lines) => report.spoolDamaged(segment, lines),
    }),
  );
  const webhookWriter = scope.use(new WebhookWriter({ queue, spool, report, monotonicMs }));
  const webhookAuthenticator = new CachedWebhookAuthenticator({ companies, monotonicMs });
  const inbox = new WebhookInbox({ writer: webhookWriter, report, burstDetector, now }, options);
  const opened = scope.move();
  return {
    webhookAuthenticator,
    webhookWriter,
    spool,
    inbox,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
