import { Spool } from './spool.ts';
import { WebhookAuthenticator, type WebhookAuthenticatorDeps } from './webhook-authenticator.ts';
import { type WebhookInboxDeps, WebhookInbox } from './webhook-inbox.ts';
import { WebhookWriter, type WebhookWriterOptions } from './webhook-writer.ts';
import type { Keyring } from '../crypto/keyring.ts';

export type OpenInboxOptions = WebhookAuthenticatorDeps &
  Pick<WebhookWriterOptions, 'queue' | 'report'> &
  Pick<WebhookInboxDeps, 'shardCount' | 'batch' | 'burstDetector' | 'now'> &
  Readonly<{ spoolDirectory: string; keyring: Keyring }>;

export type Inbox = AsyncDisposable &
  Readonly<{ authenticator: WebhookAuthenticator; spool: Spool; writer: WebhookWriter; inbox: WebhookInbox }>;

/** Opens the spool and builds the parts that accept webhooks. */
export async function openInbox(options: OpenInboxOptions): Promise<Inbox> {
  const {
    spoolDirectory,
    keyring,
    companies,
    queue,
    shardCount,
    batch,
    report,
    burstDetector,
    now,
    monotonicMs,
  } = options;
  await using scope = new AsyncDisposableStack();
  const spool = scope.use(
    await Spool.open({
      directory: spoolDirectory,
      keyring,
      onDamagedSegment: (segment, lines) => report.spoolDamaged(segment, lines),
    }),
  );
  const writer = scope.use(new WebhookWriter({ queue, spool, report, monotonicMs }));
  const authenticator = new WebhookAuthenticator({ companies, monotonicMs });
  const inbox = new WebhookInbox({
    authenticator,
    write: (jobs) => writer.write(jobs),
    batch,
    shardCount,
    report,
    onRejected: (cause) => writer.markRejected(cause),
    burstDetector,
    now,
  });
  const opened = scope.move();
  return { authenticator, spool, writer, inbox, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
