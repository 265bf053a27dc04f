import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { Message } from '../domain/notification/message.ts';
import { pacingLimits, nextGapMs, type PacingProfile, typingMs } from '../domain/notification/pacing.ts';
import { quietUntil } from '../domain/notification/quiet-hours.ts';
import { catchAsync } from '../lib/async/catch-async.ts';
import { KeyedMutex } from '../lib/async/keyed-mutex.ts';
import type { RetryingQueue } from '../lib/async/retrying-queue.ts';
import { disposableInterval } from '../lib/async/timers.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Companies } from '../ports/companies.ts';
import type { Messages, Settings } from '../ports/messages.ts';
import type { Lease, WhatsApp } from '../ports/sessions.ts';

export type OutboxDeps = Readonly<{
  messages: Messages;
  companies: Pick<Companies, 'byId'>;
  settings: Pick<Settings, 'get'>;
  whatsapp: Pick<WhatsApp, 'on' | 'getSessionStatus' | 'getActiveSessions' | 'getLease' | 'sendMessage'>;
  /** Writes message statuses; retries through database outages. */
  statusQueue: Pick<RetryingQueue, 'run'>;
  report: BusinessEvents;
  pacing: PacingProfile;
  random: () => number;
  now: () => Date;
}>;

/** A message without ack for this long becomes `unknown` and is not resent. */
const ackTimeoutMs = 30_000;
const sweepIntervalMs = 10_000;
const retryDelayMs = 5_000;
const minWakeDelayMs = 50;
/** Across restarts. Every attempt uses the same WhatsApp message id, so that WhatsApp deduplicates. */
const maxAttempts = 3;

/**
 * Sends the queued messages of each company through its WhatsApp session, one at a time, within the pacing limits. All state
 * is in the database; this class only schedules claims.
 */
export class Outbox implements Disposable {
  readonly #deps: OutboxDeps;
  readonly #companyMutex = new KeyedMutex<CompanyId>();
  readonly #wakeTimers = new Map<CompanyId, NodeJS.Timeout>();
  readonly #scheduledDrains = new Set<CompanyId>();
  /** Unsent messages whose release failed to reach the database, where they still count as possibly sent. */
  readonly #pendingReleases = new Map<CompanyId, Readonly<{ lease: Lease; id: string }>>();
  #sweepTimer: Disposable | undefined;
  #stopped = false;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { whatsapp, messages, statusQueue, report } = this.#deps;
    whatsapp.on('connected', (companyId) => this.wake(companyId));
    whatsapp.on('message-status', (companyId, { whatsappMessageId, status, errorCode }) =>
      statusQueue.run(whatsappMessageId, async () => {
        const updated = await messages.advance(companyId, whatsappMessageId, status, errorCode);
        if (updated !== undefined) report.messageStatus(updated);
      }),
    );
    this.#sweepTimer = disposableInterval(
      sweepIntervalMs,
      catchAsync(
        (error) => report.failed('Outbox', error),
        () => this.#sweepAll(),
      ),
    );
  }

  /** Sends the due messages of the company now. Cheap when there are none. */
  wake(companyId: CompanyId): void {
    if (this.#stopped) return;
    clearTimeout(this.#wakeTimers.get(companyId));
    this.#wakeTimers.delete(companyId);
    // A scheduled drain that has not started will claim everything due by then.
    if (this.#scheduledDrains.has(companyId)) return;
    this.#scheduledDrains.add(companyId);
    catchAsync(
      (error) => {
        this.#deps.report.failed('Outbox', error, { companyId });
        this.#scheduleWake(companyId, retryDelayMs);
      },
      () =>
        this.#companyMutex.run(companyId, async () => {
          this.#scheduledDrains.delete(companyId);
          await this.#drain(companyId);
        }),
    )();
  }

  /** Messages of all companies that are not sent yet. `oldestAgeSeconds`: how long the oldest queued one is overdue. */
  async backlog(): Promise<Readonly<{ queued: number; sending: number; oldestAgeSeconds: number }>> {
    const { messages, now } = this.#deps;
    const { queued, sending, oldestDueAt } = await messages.backlog();
    const ageMs = oldestDueAt === undefined ? 0 : now().getTime() - oldestDueAt.getTime();
    return { queued, sending, oldestAgeSeconds: Math.max(ageMs / 1_000, 0) };
  }

  /** Stops claiming. A send in flight completes through its status event. */
  [Symbol.dispose](): void {
    this.#stopped = true;
    this.#sweepTimer?.[Symbol.dispose]();
    for (const timer of this.#wakeTimers.values()) clearTimeout(timer);
    this.#wakeTimers.clear();
  }

  async #drain(companyId: CompanyId): Promise<void> {
    const { messages, pacing, random } = this.#deps;
    await this.#releasePending(companyId);
    await this.#expireUnacknowledged(companyId);
    while (!this.#stopped) {
      const lease = this.#connectedLease(companyId);
      if (lease === undefined) return;
      const until = await this.#quietUntil(companyId);
      const claim = await messages.claim(lease, {
        limits: pacingLimits(pacing),
        gapMs: nextGapMs(pacing, random),
        maxAttempts,
        ...(until !== undefined && { quietUntil: until }),
      });
      if (claim.message === undefined) {
        if (claim.dueInMs !== undefined)
          this.#scheduleWake(companyId, Math.max(claim.dueInMs, minWakeDelayMs));
        return;
      }
      await this.#send(lease, claim.message);
    }
  }

  async #quietUntil(companyId: CompanyId): Promise<Date | undefined> {
    const { companies, settings, now } = this.#deps;
    const timeZone = (await companies.byId(companyId))?.timeZone;
    if (timeZone === undefined) return undefined;
    const { quietHours } = await settings.get(companyId);
    return quietUntil(now(), quietHours, timeZone);
  }

  async #send(lease: Lease, message: Message): Promise<void> {
    const { messages, whatsapp, report, pacing } = this.#deps;
    const { companyId, id, whatsappMessageId } = message;
    report.messageSending(message);
    try {
      await whatsapp.sendMessage(companyId, message.phone, message.text, {
        messageId: whatsappMessageId,
        typingMs: typingMs(pacing, message.text),
      });
    } catch (error) {
      if (error instanceof AppError && error.code === 'CONNECTION_FAILED') {
        this.#pendingReleases.set(companyId, { lease, id });
        await this.#releasePending(companyId);
        return;
      }
      // WhatsApp may have received it: stays `sending` until its ack arrives or times out.
      report.failed('Message send', error, { companyId, messageId: id });
    }
    await messages.markDispatched(lease, id);
  }

  async #releasePending(companyId: CompanyId): Promise<void> {
    const pending = this.#pendingReleases.get(companyId);
    if (pending === undefined) return;
    try {
      await this.#deps.messages.release(pending.lease, pending.id, retryDelayMs);
    } catch (error) {
      if (error instanceof AppError && error.retryable) throw error;
      this.#deps.report.failed('Message release', error, { companyId, messageId: pending.id });
    }
    this.#pendingReleases.delete(companyId);
  }

  async #expireUnacknowledged(companyId: CompanyId): Promise<void> {
    const { messages, report } = this.#deps;
    const lease = this.#connectedLease(companyId);
    if (lease === undefined) return;
    for (const updated of await messages.expireUnacknowledged(lease, { ackTimeoutMs, maxAttempts })) {
      report.messageStatus(updated);
    }
  }

  #connectedLease(companyId: CompanyId): Lease | undefined {
    const { whatsapp } = this.#deps;
    return whatsapp.getSessionStatus(companyId).state === 'connected'
      ? whatsapp.getLease(companyId)
      : undefined;
  }

  #scheduleWake(companyId: CompanyId, delayMs: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#wakeTimers.get(companyId));
    this.#wakeTimers.set(
      companyId,
      setTimeout(() => this.wake(companyId), Math.min(delayMs, sweepIntervalMs)),
    );
  }

  async #sweepAll(): Promise<void> {
    const { whatsapp, messages, report } = this.#deps;
    for (const { companyId } of whatsapp.getActiveSessions()) this.wake(companyId);
    for (const expired of await messages.expire()) {
      report.messageStatus(expired);
    }
  }
}
