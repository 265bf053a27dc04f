import { withTimeout } from '../lib/async/with-timeout.ts';
import type { Messages } from '../ports/message-ports.ts';

const answerTimeoutMs = 1_000;

/** How much waits in the outbox; undefined while the database does not answer. */
export async function outboxFigures(
  messages: Pick<Messages, 'waiting'>,
  now: () => Date,
): Promise<Readonly<{ queued: number; sending: number; oldestAgeSeconds: number }> | undefined> {
  const waiting = await inTime(messages.waiting());
  if (waiting === undefined) return undefined;
  const { queued, sending, oldestDueAt } = waiting;
  const ageMs = oldestDueAt === undefined ? 0 : now().getTime() - oldestDueAt.getTime();
  return { queued, sending, oldestAgeSeconds: Math.max(ageMs / 1_000, 0) };
}

/** A figure for a scrape, or nothing: the scrape must not hang with the database. */
export async function inTime<Figure>(figure: Promise<Figure>): Promise<Figure | undefined> {
  return await withTimeout(figure, answerTimeoutMs).catch(() => undefined);
}
