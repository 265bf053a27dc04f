import { LRUCache } from 'lru-cache';
import type { CompanyId } from '../domain/ids.ts';
import type { ReachoutTimelock } from '../domain/notification/restriction.ts';
import { catchAsync } from '../lib/async/catch-async.ts';
import type { RetryingQueue } from '../lib/async/retrying-queue.ts';
import { disposableInterval } from '../lib/async/timers.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { ReachoutTimelockUpdate, Restrictions } from '../ports/restrictions.ts';
import type { WhatsApp } from '../ports/sessions.ts';
import type { Outbox } from './outbox.ts';

export type RestrictionMonitorDeps = Readonly<{
  restrictions: Pick<Restrictions, 'record' | 'due'>;
  whatsapp: Pick<WhatsApp, 'on' | 'getSessionStatus' | 'fetchReachoutTimelock'>;
  /** The outbox's queue, so that updates of one message stay in order. */
  statusQueue: Pick<RetryingQueue, 'run'>;
  report: BusinessEvents;
  outbox: Pick<Outbox, 'wake'>;
  timings?: Partial<RestrictionTimings>;
}>;

export type RestrictionTimings = Readonly<{
  /** Per company. */
  minCheckIntervalMs: number;
  /** Between queries for due checks. */
  sweepIntervalMs: number;
}>;

const defaultTimings: RestrictionTimings = { minCheckIntervalMs: 60_000, sweepIntervalMs: 10_000 };
/** Between checks while a rejected message is unexplained. */
const recheckAfterMs = 15 * 60_000;
/** Error of a message that WhatsApp rejects because of a reachout timelock. */
const reachoutRejectedCode = '463';
const maxTrackedCompanies = 10_000;

/**
 * Tracks whether WhatsApp allows a number to start new chats. Queries it after a message rejected with 463, which carries no
 * end, and at the end of a restriction; also records announcements. The database decides which messages wait.
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

  /** Call after `Outbox.start`: a rejection must be stored before its reason is queried. */
  start(): void {
    const { whatsapp, statusQueue, report } = this.#deps;
    whatsapp.on('message-status', (companyId, { whatsappMessageId, errorCode }) => {
      if (errorCode !== reachoutRejectedCode) return;
      statusQueue.run(whatsappMessageId, async () => this.#checkInBackground(companyId));
    });
    whatsapp.on('reachout-timelock', (companyId, timelock, source) =>
      statusQueue.run(`timelock:${companyId}`, () =>
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

  /** Runs outside the status queue, which a slow query would block. */
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
      // Without a connection a missing answer means nothing: the next sweep queries again.
      if (timelock === undefined && whatsapp.getSessionStatus(companyId).state !== 'connected') return;
      const update = toTimelockUpdate(timelock, 'asked');
      statusQueue.run(`timelock:${companyId}`, () => this.#record(companyId, update));
    } finally {
      this.#checksInFlight.delete(companyId);
    }
  }

  async #record(companyId: CompanyId, update: ReachoutTimelockUpdate): Promise<void> {
    const { restrictions, report, outbox } = this.#deps;
    const { change, endsAt } = await restrictions.record(companyId, update);
    if (change === 'began' && endsAt !== undefined)
      report.chatRestrictionStarted(companyId, endsAt, update.result);
    if (change !== 'ended') return;
    report.chatRestrictionLifted(companyId);
    outbox.wake(companyId);
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
