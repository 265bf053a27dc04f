import { withTimeout } from '../lib/async/with-timeout.ts';
import type { Messages } from '../ports/messages.ts';

const scrapeTimeoutMs = 1_000;

/** Outbox backlog of all companies; undefined while the database is unavailable. */
export async function outboxGauges(
  messages: Pick<Messages, 'backlog'>,
  now: () => Date,
): Promise<Readonly<{ queued: number; sending: number; oldestAgeSeconds: number }> | undefined> {
  const backlog = await withScrapeTimeout(messages.backlog());
  if (backlog === undefined) return undefined;
  const { queued, sending, oldestDueAt } = backlog;
  const ageMs = oldestDueAt === undefined ? 0 : now().getTime() - oldestDueAt.getTime();
  return { queued, sending, oldestAgeSeconds: Math.max(ageMs / 1_000, 0) };
}

/** Undefined on failure or timeout, so that a metrics scrape does not hang with the database. */
export async function withScrapeTimeout<Value>(value: Promise<Value>): Promise<Value | undefined> {
  return await withTimeout(value, scrapeTimeoutMs).catch(() => undefined);
}
