import { Spool } from './spool.ts';
import { WebhookAuthenticator, type WebhookAuthenticatorDependencies } from './webhook-authenticator.ts';
import { type WebhookInboxDependencies, WebhookInbox } from './webhook-inbox.ts';
import { WebhookWriter, type WebhookWriterOptions } from './webhook-writer.ts';
import type { Keyring } from '../crypto/keyring.ts';

export type OpenInboxOptions = WebhookAuthenticatorDependencies &
  Pick<WebhookWriterOptions, 'queue' | 'report'> &
  Pick<WebhookInboxDependencies, 'shardCount' | 'batch' | 'burstDetector' | 'now'> &
  Readonly<{ spoolDirectory: string; keyring: Keyring }>;

export type Inbox = AsyncDisposable &
  Readonly<{ authenticator: WebhookAuthenticator; spool: Spool; writer: WebhookWriter; inbox: WebhookInbox }>;

/** How webhooks come in and become durable. */
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
