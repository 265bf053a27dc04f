import type { CompanyId } from '../../domain/ids.ts';
import type { Connection } from '../connection/connection.ts';
import type { AuthState } from '../credentials/auth-state.ts';
import type { SessionDeps } from './dependencies.ts';
import { decideAfterDisconnect, type Disconnect, type DisconnectDecision } from './disconnect-policy.ts';
import type { ReconnectScheduler } from './reconnect-scheduler.ts';

const flappingThreshold = 6;
const replacementWindowMs = 10 * 60_000;

type ClosedConnection = Pick<Connection, 'version' | 'wasOpen' | 'openForMs'> &
  Readonly<{ auth: Pick<AuthState, 'isLinked'> }>;

type DisconnectHistoryDeps = Pick<
  SessionDeps,
  'timeouts' | 'monotonicMs' | 'random' | 'report' | 'clientVersion'
>;

type RetryState = Pick<ReconnectScheduler, 'attempts' | 'resetIfStable' | 'reset'>;

/** The recent disconnects of one session. Decides the next step from them. */
export class DisconnectHistory {
  readonly #companyId: CompanyId;
  readonly #deps: DisconnectHistoryDeps;
  readonly #reconnectScheduler: RetryState;
  readonly #breaker: FlappingBreaker;
  #lastCode: Disconnect['code'] | undefined;
  #sameCodeCount = 0;
  #replacementsAtMs: number[] = [];

  constructor(companyId: CompanyId, deps: DisconnectHistoryDeps, reconnectScheduler: RetryState) {
    this.#companyId = companyId;
    this.#deps = deps;
    this.#reconnectScheduler = reconnectScheduler;
    const { stableAfterMs, flappingCooldownMs } = deps.timeouts;
    this.#breaker = new FlappingBreaker(
      { threshold: flappingThreshold, windowMs: stableAfterMs, cooldownMs: flappingCooldownMs },
      deps.random,
    );
  }

  /** Applies the policy and reports the disconnect with the decision. */
  decide(connection: ClosedConnection, disconnect: Disconnect): DisconnectDecision {
    const { report, clientVersion } = this.#deps;
    const { code } = disconnect;
    const decision = this.#applyPolicy(connection, disconnect);
    const { next, state, detail, alert } = decision;
    report.socketClosed(this.#companyId, { code, next: next.action, state, detail, alert });
    if (code === 405) void clientVersion.handleRefused(connection.version);
    return decision;
  }

  /** Clears the history. Call it when a pairing is requested. */
  reset(): void {
    this.#reconnectScheduler.reset();
    this.#resetCounters();
    this.#replacementsAtMs = [];
  }

  #applyPolicy({ auth, wasOpen, openForMs }: ClosedConnection, disconnect: Disconnect): DisconnectDecision {
    const wasStable = this.#reconnectScheduler.resetIfStable(openForMs);
    if (wasStable) this.#resetCounters();
    const recentDisconnects = {
      attempts: this.#reconnectScheduler.attempts,
      ...this.#recordDisconnect(disconnect),
    };
    const decision = decideAfterDisconnect(
      disconnect,
      auth.isLinked ? 'linked' : 'pairing',
      recentDisconnects,
    );
    const { action } = decision.next;
    // Refused logins do not count: the back-off already slows them down.
    const isFlap = action === 'restart' || (action === 'reconnect' && wasOpen && !wasStable);
    const cooldown = isFlap ? this.#breaker.recordClose(this.#deps.monotonicMs()) : undefined;
    if (cooldown === undefined) return decision;
    return {
      ...decision,
      next: { action: 'retry', delayMs: cooldown.cooldownMs },
      state: 'reconnecting',
      detail: 'flapping',
      alert: cooldown.shouldAlert,
    };
  }

  #resetCounters(): void {
    this.#breaker.reset();
    this.#sameCodeCount = 0;
  }

  #recordDisconnect({ code }: Disconnect): Readonly<{ sameCodeCount: number; replacements: number }> {
    this.#sameCodeCount = code === this.#lastCode ? this.#sameCodeCount + 1 : 1;
    this.#lastCode = code;
    const nowMs = this.#deps.monotonicMs();
    // A stable connection does not reset these: two servers may replace each other at long intervals.
    this.#replacementsAtMs = this.#replacementsAtMs.filter((atMs) => nowMs - atMs < replacementWindowMs);
    if (code === 440) this.#replacementsAtMs.push(nowMs);
    return { sameCodeCount: this.#sameCodeCount, replacements: this.#replacementsAtMs.length };
  }
}

export type FlappingLimits = Readonly<{
  /** This many disconnects within `windowMs` are flapping. */
  threshold: number;
  windowMs: number;
  /** Minimum cooldown; the maximum is twice that. */
  cooldownMs: number;
}>;

/** Pauses a session whose sockets open and close repeatedly: a back-off with full jitter hardly slows it down. */
export class FlappingBreaker {
  readonly #limits: FlappingLimits;
  readonly #random: () => number;
  #closedAtMs: number[] = [];
  #hasAlerted = false;

  constructor(limits: FlappingLimits, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /**
   * Counts the close of an unstable connection.
   * @returns undefined below the threshold; `shouldAlert` is true once until `reset`
   */
  recordClose(nowMs: number): Readonly<{ cooldownMs: number; shouldAlert: boolean }> | undefined {
    const { threshold, windowMs, cooldownMs } = this.#limits;
    this.#closedAtMs = [...this.#closedAtMs.filter((atMs) => nowMs - atMs < windowMs), nowMs];
    if (this.#closedAtMs.length < threshold) return undefined;
    this.#closedAtMs = [];
    const shouldAlert = !this.#hasAlerted;
    this.#hasAlerted = true;
    return { cooldownMs: cooldownMs * (1 + this.#random()), shouldAlert };
  }

  /** Call it after a stable connection. */
  reset(): void {
    this.#closedAtMs = [];
    this.#hasAlerted = false;
  }
}
