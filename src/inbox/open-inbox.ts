import { Spool } from './spool.ts';
import { WebhookAuthenticator, type WebhookAuthenticatorDeps } from './webhook-authenticator.ts';
import { WebhookInbox, type WebhookInboxDeps, type WebhookInboxOptions } from './webhook-inbox.ts';
import { WebhookWriter, type WebhookWriterDeps } from './webhook-writer.ts';
import type { Keyring } from '../crypto/keyring.ts';

export type InboxDeps = WebhookAuthenticatorDeps &
  Pick<WebhookWriterDeps, 'queue' | 'report'> &
  Pick<WebhookInboxDeps, 'burstDetector' | 'now'> &
  Readonly<{ keyring: Keyring }>;

export type InboxOptions = WebhookInboxOptions & Readonly<{ spoolDirectory: string }>;

export type Inbox = AsyncDisposable &
  Readonly<{ authenticator: WebhookAuthenticator; spool: Spool; writer: WebhookWriter; inbox: WebhookInbox }>;

/** Opens the spool and builds the parts that accept webhooks. */
export async function openInbox(deps: InboxDeps, options: InboxOptions): Promise<Inbox> {
  const { keyring, companies, queue, report, burstDetector, now, monotonicMs } = deps;
  await using scope = new AsyncDisposableStack();
  const spool = scope.use(
    await Spool.open({
      directory: options.spoolDirectory,
      keyring,
      onDamagedSegment: (segment, lines) => report.spoolDamaged(segment, lines),
    }),
  );
  const writer = scope.use(new WebhookWriter({ queue, spool, report, monotonicMs }));
  const authenticator = new WebhookAuthenticator({ companies, monotonicMs });
  const inbox = new WebhookInbox({ authenticator, writer, report, burstDetector, now }, options);
  const opened = scope.move();
  return { authenticator, spool, writer, inbox, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
