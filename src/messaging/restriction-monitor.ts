import { LRUCache } from 'lru-cache';
import type { CompanyId } from '../domain/ids.ts';
import type { ReachoutTimelock } from '../domain/notification/restriction.ts';
import { catchAsync } from '../lib/async/catch-async.ts';
import type { RetryingQueue } from '../lib/async/retrying-queue.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { ReachoutTimelockUpdate, Restrictions } from '../ports/restrictions.ts';
import type { WhatsApp } from '../ports/sessions.ts';
import { disposableInterval } from '../lib/async/timers.ts';

export type RestrictionMonitorDeps = Readonly<{
  restrictions: Pick<Restrictions, 'record' | 'due'>;
  whatsapp: Pick<WhatsApp, 'on' | 'getSessionStatus' | 'fetchReachoutTimelock'>;
  /** The same tasks in which the statuses of messages are written. */
  statusQueue: Pick<RetryingQueue, 'run'>;
  report: BusinessEvents;
  /** Messages may wait no longer. */
  wakeOutbox: (companyId: CompanyId) => void;
  /** How often one number is asked about at most, and how often the database is asked what is due. */
  timings?: Partial<RestrictionTimings>;
}>;

export type RestrictionTimings = Readonly<{ minCheckIntervalMs: number; sweepIntervalMs: number }>;

const defaultTimings: RestrictionTimings = { minCheckIntervalMs: 60_000, sweepIntervalMs: 10_000 };
/** While WhatsApp does not say why it refused a message. */
const recheckAfterMs = 15 * 60_000;
const reachoutRefusedCode = '463';
const maxTrackedCompanies = 10_000;

/**
 * Finds out whether WhatsApp lets a number start new chats: after a refusal with 463, which does not say so by itself, when
 * WhatsApp tells it, and at the end of a restriction. Who waits for that is the database's to say.
 */
export class RestrictionMonitor implements Disposable {
  readonly #deps: RestrictionMonitorDeps;
  readonly #timings: RestrictionTimings;
  readonly #recentlyChecked: LRUCache<CompanyId, true>;
  readonly #checksInFlight = new Set<CompanyId>();
  #sweepTimer: Disposable | undefined;

  constructor(deps: RestrictionMonitorDeps) {
    this.#deps = deps;
    this.#timings = { ...defaultTimings, ...deps.timings };
    this.#recentlyChecked = new LRUCache({ max: maxTrackedCompanies, ttl: this.#timings.minCheckIntervalMs });
  }

  /** To be called after the outbox has begun to listen: a refusal is written before its reason is asked for. */
  start(): void {
    const { whatsapp, statusQueue, report } = this.#deps;
    whatsapp.on('message-status', (companyId, { whatsappMessageId, errorCode }) => {
      if (errorCode !== reachoutRefusedCode) return;
      statusQueue.run(whatsappMessageId, async () => this.#checkInBackground(companyId));
    });
    whatsapp.on('reachout-timelock', (companyId, timelock, source) =>
      statusQueue.run(`time-lock:${companyId}`, () =>
        this.#record(companyId, toTimelockUpdate(timelock, source)),
      ),
    );
    this.#sweepTimer = disposableInterval(
      this.#timings.sweepIntervalMs,
      catchAsync(
        (error) => report.failed('Restriction sweep', error),
        () => this.#checkDue(),
      ),
    );
  }

  [Symbol.dispose](): void {
    this.#sweepTimer?.[Symbol.dispose]();
  }

  async #checkDue(): Promise<void> {
    for (const companyId of await this.#deps.restrictions.due(recheckAfterMs))
      this.#checkInBackground(companyId);
  }

  /** WhatsApp may take its time, and the statuses of other messages do not wait for it. */
  #checkInBackground(companyId: CompanyId): void {
    const { whatsapp, report } = this.#deps;
    if (this.#recentlyChecked.has(companyId) || this.#checksInFlight.has(companyId)) return;
    if (whatsapp.getSessionStatus(companyId).state !== 'connected') return;
    this.#recentlyChecked.set(companyId, true);
    this.#checksInFlight.add(companyId);
    catchAsync(
      (error) => report.failed('Reachout timelock check', error, { companyId }),
      () => this.#check(companyId),
    )();
  }

  async #check(companyId: CompanyId): Promise<void> {
    const { whatsapp, statusQueue } = this.#deps;
    try {
      const timelock = await whatsapp.fetchReachoutTimelock(companyId);
      // A connection that ends meanwhile says nothing of WhatsApp's silence: the next one asks again.
      if (timelock === undefined && whatsapp.getSessionStatus(companyId).state !== 'connected') return;
      const update = toTimelockUpdate(timelock, 'asked');
      statusQueue.run(`time-lock:${companyId}`, () => this.#record(companyId, update));
    } finally {
      this.#checksInFlight.delete(companyId);
    }
  }

  async #record(companyId: CompanyId, update: ReachoutTimelockUpdate): Promise<void> {
    const { restrictions, report, wakeOutbox } = this.#deps;
    const { change, endsAt } = await restrictions.record(companyId, update);
    if (change === 'began' && endsAt !== undefined)
      report.chatRestrictionStarted(companyId, endsAt, update.result);
    if (change !== 'ended') return;
    report.chatRestrictionLifted(companyId);
    wakeOutbox(companyId);
  }
}

function toTimelockUpdate(
  timelock: ReachoutTimelock | undefined,
  source: ReachoutTimelockUpdate['source'],
): ReachoutTimelockUpdate {
  if (timelock === undefined) return { result: 'silent', source };
  const { isActive, ...rest } = timelock;
  return { result: isActive ? 'locked' : 'free', source, ...rest };
}
