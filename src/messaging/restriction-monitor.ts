import { LRUCache } from 'lru-cache';
import type { CompanyId } from '../domain/ids.ts';
import type { TimeLock } from '../domain/notification/restriction.ts';
import { every } from '../lib/async/every.ts';
import { guarded } from '../lib/async/catch-async.ts';
import type { PatientTasks } from '../lib/async/retrying-queue.ts';
import type { RestrictionNews, Restrictions } from '../ports/message-ports.ts';
import type { WhatsApp } from '../ports/ports.ts';
import type { BusinessEvents } from '../observability/events.ts';

export type RestrictionWatchDependencies = Readonly<{
  restrictions: Pick<Restrictions, 'learn' | 'due'>;
  whatsapp: Pick<WhatsApp, 'on' | 'getSessionStatus' | 'askTimeLock'>;
  /** The same tasks in which the statuses of messages are written. */
  statuses: Pick<PatientTasks, 'run'>;
  report: BusinessEvents;
  /** Messages may wait no longer. */
  wakeOutbox: (companyId: CompanyId) => void;
  /** How often one number is asked about at most, and how often the database is asked what is due. */
  timings?: Partial<RestrictionTimings>;
}>;

export type RestrictionTimings = Readonly<{ askEveryMs: number; sweepEveryMs: number }>;

const defaultTimings: RestrictionTimings = { askEveryMs: 60_000, sweepEveryMs: 10_000 };
/** While WhatsApp does not say why it refused a message. */
const askAgainMs = 15 * 60_000;
const reachoutRefusal = '463';
const numbersRemembered = 10_000;

/**
 * Finds out whether WhatsApp lets a number start new chats: after a refusal with 463, which does not say so by itself, when
 * WhatsApp tells it, and at the end of a restriction. Who waits for that is the database's to say.
 */
export class RestrictionWatch implements Disposable {
  readonly #deps: RestrictionWatchDependencies;
  readonly #timings: RestrictionTimings;
  readonly #askedLately: LRUCache<CompanyId, true>;
  readonly #asking = new Set<CompanyId>();
  #sweep: Disposable | undefined;

  constructor(deps: RestrictionWatchDependencies) {
    this.#deps = deps;
    this.#timings = { ...defaultTimings, ...deps.timings };
    this.#askedLately = new LRUCache({ max: numbersRemembered, ttl: this.#timings.askEveryMs });
  }

  /** To be called after the outbox has begun to listen: a refusal is written before its reason is asked for. */
  start(): void {
    const { whatsapp, statuses, report } = this.#deps;
    whatsapp.on('message-status', (companyId, { whatsappMessageId, errorCode }) => {
      if (errorCode !== reachoutRefusal) return;
      statuses.run(whatsappMessageId, async () => this.#askInBackground(companyId));
    });
    whatsapp.on('time-lock', (companyId, lock, source) =>
      statuses.run(`time-lock:${companyId}`, () => this.#learn(companyId, newsOf(lock, source))),
    );
    this.#sweep = every(
      this.#timings.sweepEveryMs,
      guarded(
        (error) => report.failed('Looking for restricted numbers', error),
        () => this.#askDue(),
      ),
    );
  }

  [Symbol.dispose](): void {
    this.#sweep?.[Symbol.dispose]();
  }

  async #askDue(): Promise<void> {
    for (const companyId of await this.#deps.restrictions.due(askAgainMs)) this.#askInBackground(companyId);
  }

  /** WhatsApp may take its time, and the statuses of other messages do not wait for it. */
  #askInBackground(companyId: CompanyId): void {
    const { whatsapp, report } = this.#deps;
    if (this.#askedLately.has(companyId) || this.#asking.has(companyId)) return;
    if (whatsapp.getSessionStatus(companyId).state !== 'connected') return;
    this.#askedLately.set(companyId, true);
    this.#asking.add(companyId);
    guarded(
      (error) => report.failed('Asking for a restriction', error, { companyId }),
      () => this.#ask(companyId),
    )();
  }

  async #ask(companyId: CompanyId): Promise<void> {
    const { whatsapp, statuses } = this.#deps;
    try {
      const lock = await whatsapp.askTimeLock(companyId);
      // A connection that ends meanwhile says nothing of WhatsApp's silence: the next one asks again.
      if (lock === undefined && whatsapp.getSessionStatus(companyId).state !== 'connected') return;
      const news = newsOf(lock, 'asked');
      statuses.run(`time-lock:${companyId}`, () => this.#learn(companyId, news));
    } finally {
      this.#asking.delete(companyId);
    }
  }

  async #learn(companyId: CompanyId, news: RestrictionNews): Promise<void> {
    const { restrictions, report, wakeOutbox } = this.#deps;
    const { change, endsAt } = await restrictions.learn(companyId, news);
    if (change === 'began' && endsAt !== undefined) report.chatsRestricted(companyId, endsAt, news.answer);
    if (change !== 'ended') return;
    report.chatsFree(companyId);
    wakeOutbox(companyId);
  }
}

function newsOf(lock: TimeLock | undefined, source: RestrictionNews['source']): RestrictionNews {
  if (lock === undefined) return { answer: 'silent', source };
  const { isActive, ...rest } = lock;
  return { answer: isActive ? 'locked' : 'free', source, ...rest };
}
