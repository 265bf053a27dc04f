import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { Message } from '../domain/notification/message.ts';
import { limitsOf, nextGapMs, type PacingProfile, typingMs } from '../domain/notification/pacing.ts';
import { quietUntil } from '../domain/notification/quiet-hours.ts';
import { guarded } from '../lib/async/catch-async.ts';
import { KeyedQueue } from '../lib/async/keyed-mutex.ts';
import type { PatientTasks } from '../lib/async/retrying-queue.ts';
import type { Messages, Settings } from '../ports/message-ports.ts';
import type { Companies, Lease, WhatsApp } from '../ports/ports.ts';
import type { BusinessEvents } from '../observability/events.ts';

export type OutboxDependencies = Readonly<{
  messages: Messages;
  companies: Pick<Companies, 'byId'>;
  settings: Pick<Settings, 'of'>;
  whatsapp: Pick<WhatsApp, 'on' | 'getSessionStatus' | 'getActiveSessions' | 'leaseOf' | 'sendMessage'>;
  /** What WhatsApp says of messages, also while the database is away. */
  statuses: Pick<PatientTasks, 'run'>;
  report: BusinessEvents;
  pacing: PacingProfile;
  random: () => number;
  now: () => Date;
}>;

/** Without an ack for this long a message is `unknown`: never sent again blindly. */
const ackTimeoutMs = 30_000;
const sweepEveryMs = 10_000;
const retryAfterFailureMs = 5_000;
const shortestWaitMs = 50;
/** How often one message may be handed to WhatsApp, always under the same id, across crashes. */
const maxAttempts = 3;

/**
 * Carries queued messages of each company to its WhatsApp session, one at a time and no faster than the pacing allows. All
 * state is in the database: this class only decides when to look.
 */
export class Outbox implements Disposable {
  readonly #deps: OutboxDependencies;
  readonly #perCompany = new KeyedQueue<CompanyId>();
  readonly #wakeUps = new Map<CompanyId, NodeJS.Timeout>();
  readonly #aboutToLook = new Set<CompanyId>();
  /** Messages that did not leave, until that is written: the database takes them for messages that may have left. */
  readonly #unsent = new Map<CompanyId, Readonly<{ lease: Lease; id: string }>>();
  #sweep: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(deps: OutboxDependencies) {
    this.#deps = deps;
  }

  start(): void {
    const { whatsapp, messages, statuses, report } = this.#deps;
    whatsapp.on('connected', (companyId) => this.wake(companyId));
    whatsapp.on('message-status', (companyId, { whatsappMessageId, status, errorCode }) =>
      statuses.run(whatsappMessageId, async () => {
        const moved = await messages.advance(companyId, whatsappMessageId, status, errorCode);
        if (moved !== undefined) report.messageStatus(moved);
      }),
    );
    this.#sweep = setInterval(
      guarded(
        (error) => report.failed('Outbox', error),
        () => this.#sweepAll(),
      ),
      sweepEveryMs,
    );
  }

  /** Looks for due messages of the company now. Cheap when there are none. */
  wake(companyId: CompanyId): void {
    if (this.#stopped) return;
    clearTimeout(this.#wakeUps.get(companyId));
    this.#wakeUps.delete(companyId);
    // One look that has not begun sees all that is due by then.
    if (this.#aboutToLook.has(companyId)) return;
    this.#aboutToLook.add(companyId);
    guarded(
      (error) => {
        this.#deps.report.failed('Outbox', error, { companyId });
        this.#wakeIn(companyId, retryAfterFailureMs);
      },
      () =>
        this.#perCompany.run(companyId, async () => {
          this.#aboutToLook.delete(companyId);
          await this.#drain(companyId);
        }),
    )();
  }

  /** Claims nothing any more; what is being handed over right now is finished by its status. */
  [Symbol.dispose](): void {
    this.#stopped = true;
    clearInterval(this.#sweep);
    for (const timer of this.#wakeUps.values()) clearTimeout(timer);
    this.#wakeUps.clear();
  }

  async #drain(companyId: CompanyId): Promise<void> {
    const { messages, pacing, random } = this.#deps;
    await this.#release(companyId);
    await this.#giveUpWaiting(companyId);
    while (!this.#stopped) {
      const lease = this.#openLease(companyId);
      if (lease === undefined) return;
      const until = await this.#quietUntil(companyId);
      const claim = await messages.claim(lease, {
        limits: limitsOf(pacing),
        gapMs: nextGapMs(pacing, random),
        maxAttempts,
        ...(until !== undefined && { quietUntil: until }),
      });
      if (claim.message === undefined) {
        if (claim.dueInMs !== undefined) this.#wakeIn(companyId, Math.max(claim.dueInMs, shortestWaitMs));
        return;
      }
      await this.#send(lease, claim.message);
    }
  }

  async #quietUntil(companyId: CompanyId): Promise<Date | undefined> {
    const { companies, settings, now } = this.#deps;
    const timeZone = (await companies.byId(companyId))?.timeZone;
    if (timeZone === undefined) return undefined;
    const { quietHours } = await settings.of(companyId);
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
        this.#unsent.set(companyId, { lease, id });
        await this.#release(companyId);
        return;
      }
      // Nobody can tell what WhatsApp has of it: it stays `sending` until an ack comes or is given up.
      report.failed('Sending', error, { companyId, messageId: id });
    }
    await messages.handedOver(lease, id);
  }

  async #release(companyId: CompanyId): Promise<void> {
    const unsent = this.#unsent.get(companyId);
    if (unsent === undefined) return;
    try {
      await this.#deps.messages.release(unsent.lease, unsent.id, retryAfterFailureMs);
    } catch (error) {
      if (error instanceof AppError && error.retryable) throw error;
      this.#deps.report.failed('Putting a message back', error, { companyId, messageId: unsent.id });
    }
    this.#unsent.delete(companyId);
  }

  async #giveUpWaiting(companyId: CompanyId): Promise<void> {
    const { messages, report } = this.#deps;
    const lease = this.#openLease(companyId);
    if (lease === undefined) return;
    for (const ended of await messages.giveUpWaiting(lease, { ackTimeoutMs, maxAttempts })) {
      report.messageStatus(ended);
    }
  }

  #openLease(companyId: CompanyId): Lease | undefined {
    const { whatsapp } = this.#deps;
    return whatsapp.getSessionStatus(companyId).state === 'connected'
      ? whatsapp.leaseOf(companyId)
      : undefined;
  }

  #wakeIn(companyId: CompanyId, delayMs: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#wakeUps.get(companyId));
    this.#wakeUps.set(
      companyId,
      setTimeout(() => this.wake(companyId), Math.min(delayMs, sweepEveryMs)),
    );
  }

  async #sweepAll(): Promise<void> {
    const { whatsapp, messages, report } = this.#deps;
    for (const { companyId } of whatsapp.getActiveSessions()) this.wake(companyId);
    for (const ended of await messages.expire()) {
      report.messageStatus(ended);
    }
  }
}
