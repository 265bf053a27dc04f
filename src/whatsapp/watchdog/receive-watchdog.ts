import type { WASocket } from '@whiskeysockets/baileys';
import { BusinessHours } from '../../domain/company/business-hours.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { catchAsync } from '../../lib/async/catch-async.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import { AckTracker } from './ack-tracker.ts';
import {
  decideWatchdogAction,
  defaultWatchdogTimeouts,
  type WatchdogDecision,
  type WatchdogFacts,
  type WatchdogStage,
  type WatchdogTimeouts,
  receivedSince,
} from './watchdog-policy.ts';
import {
  type Disconnect,
  pingTimedOut,
  closeTimedOut,
  receiveTimedOut,
} from '../session/disconnect-policy.ts';
import { answersPing, probeInbound } from './probe.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';
import type { WhatsApp } from '../../ports/sessions.ts';

/** Each sweep begins so many of these at most, over all sessions: where hundreds are deaf the cause is not theirs. */
const maxPerSweep: Readonly<Partial<Record<WatchdogDecision['action'], number>>> = { probe: 10, renew: 2 };
const queryTimeoutMs = 10_000;
const timeZoneTtlMs = 60 * 60_000;
/** The longest that one session is borne with beyond the others. */
const maxExtraTolerance = 0.25;
/** Of salons whose zone the platform did not tell. */
const defaultTimeZone = 'Europe/Moscow';

export type ReceiveWatchdogDeps = Readonly<{
  whatsapp: Pick<WhatsApp, 'on' | 'getActiveSessions'> &
    Readonly<{
      getOpenSocket: (companyId: CompanyId) => WASocket | undefined;
      dropSocket: (companyId: CompanyId, reason: Disconnect) => void;
    }>;
  companies: Pick<Companies, 'byId'>;
  events: Pick<Events, 'record'>;
  report: Pick<BusinessEvents, 'watchdogAction' | 'failed'>;
  timeouts?: Partial<WatchdogTimeouts>;
  now: () => Date;
  /** Milliseconds of a clock that never jumps. */
  monotonicMs: () => number;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

type WatchedSession = {
  stage: WatchdogStage;
  openedAtMs: number;
  lastInboundAtMs: number | undefined;
  /** Of messages on the present socket. */
  acks: AckTracker;
  /** When the line was last asked whether it is alive. */
  lastPingAtMs: number;
  /** `replaced`: for want of an answer, and nothing was acknowledged on the next socket yet. WhatsApp may be slow, not the line dead. */
  socketHealth: 'healthy' | 'timed_out' | 'unproven';
  renewedAtMs: number | undefined;
  /** When `whatsapp_deaf` was recorded, until it hears again. */
  alertedAtMs: number | undefined;
  readonly toleranceFactor: number;
  timeZone: Readonly<{ name: string; expiresAtMs: number }> | undefined;
};

/** Finds sessions that look connected and hear nothing, or are dead. What it keeps of a session is gone once the session is over. */
export class ReceiveWatchdog {
  readonly #deps: ReceiveWatchdogDeps;
  readonly #timeouts: WatchdogTimeouts;
  readonly #sessions = new Map<CompanyId, WatchedSession>();
  #isSweeping = false;
  #timeZoneLookupFailed = false;

  constructor(deps: ReceiveWatchdogDeps) {
    this.#deps = deps;
    this.#timeouts = { ...defaultWatchdogTimeouts, ...deps.timeouts };
    const { whatsapp, monotonicMs } = deps;
    whatsapp.on('connected', (companyId) => this.#onConnected(companyId));
    whatsapp.on('inbound', (companyId) => {
      const session = this.#sessions.get(companyId);
      if (session === undefined) return;
      session.lastInboundAtMs = monotonicMs();
      session.acks.clear();
    });
    whatsapp.on('message-dispatched', (companyId, id) => this.#sessions.get(companyId)?.acks.sent(id));
    whatsapp.on('message-status', (companyId, { whatsappMessageId }) =>
      this.#sessions.get(companyId)?.acks.acked(whatsappMessageId),
    );
  }

  /** Sessions that were found deaf and have heard nothing since, also over a new socket. */
  get deafSessions(): number {
    return [...this.#sessions.values()].filter(({ alertedAtMs }) => alertedAtMs !== undefined).length;
  }

  /** When something unasked last came; undefined: not since this process runs the session. */
  readonly lastInboundAt = (companyId: CompanyId): Date | undefined => {
    const { now, monotonicMs } = this.#deps;
    const lastInboundAtMs = this.#sessions.get(companyId)?.lastInboundAtMs;
    return lastInboundAtMs === undefined
      ? undefined
      : new Date(now().getTime() - (monotonicMs() - lastInboundAtMs));
  };

  /** Looks at every session once. Does not wait for what it begins. */
  async sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      await this.#sweep();
    } finally {
      this.#isSweeping = false;
    }
  }

  /**
   * Asks lines on which an acknowledgement is late whether they are alive. Messages on a dead one are taken up by the next
   * socket, which should come before they are given up. Does not wait for the answers.
   */
  pingStalledSockets(): void {
    const { whatsapp, monotonicMs } = this.#deps;
    const nowMs = monotonicMs();
    for (const [companyId, session] of this.#sessions) {
      if (session.acks.lastAtMs !== undefined) session.socketHealth = 'healthy';
      const sinceMs = session.acks.pending?.sinceMs;
      if (sinceMs === undefined || session.socketHealth !== 'healthy') continue;
      const sock = whatsapp.getOpenSocket(companyId);
      const isAckLate = nowMs - Math.max(sinceMs, session.lastPingAtMs) >= this.#timeouts.lateAckMs;
      if (sock === undefined || !isAckLate) continue;
      session.lastPingAtMs = nowMs;
      this.#ping(companyId, session, sock);
    }
  }

  async #sweep(): Promise<void> {
    const { whatsapp } = this.#deps;
    this.#timeZoneLookupFailed = false;
    const active = new Set(whatsapp.getActiveSessions().map(({ companyId }) => companyId));
    const started = new Map<WatchdogDecision['action'], number>();
    const hours = new BusinessHours(this.#deps.now());
    for (const [companyId, session] of this.#sessions) {
      if (!active.has(companyId)) {
        this.#sessions.delete(companyId);
        continue;
      }
      const sockBefore = whatsapp.getOpenSocket(companyId);
      if (sockBefore?.ws.isClosing === true) whatsapp.dropSocket(companyId, closeTimedOut);
      if (sockBefore === undefined || sockBefore.ws.isClosing) continue;
      if (session.alertedAtMs !== undefined && receivedSince(session.alertedAtMs, session, this.#timeouts)) {
        session.alertedAtMs = undefined;
        this.#record(companyId, 'whatsapp_hears_again');
      }
      const { action, stage } = await this.#decide(companyId, session, hours);
      const sock = whatsapp.getOpenSocket(companyId);
      const count = started.get(action) ?? 0;
      if (sock !== sockBefore || count >= (maxPerSweep[action] ?? Infinity)) continue;
      started.set(action, count + 1);
      session.stage = stage;
      this.#act(action, companyId, session, sockBefore);
    }
  }

  async #decide(
    companyId: CompanyId,
    session: WatchedSession,
    hours: BusinessHours,
  ): Promise<WatchdogDecision> {
    const facts = { nowMs: this.#deps.monotonicMs(), businessSinceMs: -Infinity };
    const withoutBusinessHours = this.#decideAt(session, facts);
    // Most sessions have just heard something: where they are does not matter then.
    if (session.stage.name === 'listening' && withoutBusinessHours.action === 'wait')
      return withoutBusinessHours;
    const timeZone = await this.#loadTimeZone(companyId, session);
    const openForMs = timeZone === undefined ? undefined : hours.elapsedMs(timeZone);
    const nowMs = this.#deps.monotonicMs();
    const businessSinceMs = openForMs === undefined ? undefined : nowMs - openForMs;
    return this.#decideAt(session, { nowMs, businessSinceMs });
  }

  #decideAt(
    session: WatchedSession,
    time: Pick<WatchdogFacts, 'nowMs' | 'businessSinceMs'>,
  ): WatchdogDecision {
    const { pending: unacknowledged, lastAtMs: acknowledgedAtMs } = session.acks;
    return decideWatchdogAction(
      session.stage,
      { ...session, ...time, unacknowledged, lastAckAtMs: acknowledgedAtMs },
      this.#timeouts,
    );
  }

  /** Undefined when it cannot be asked for: then the others are not asked for in this sweep either. */
  async #loadTimeZone(companyId: CompanyId, session: WatchedSession): Promise<string | undefined> {
    const { companies, report, monotonicMs } = this.#deps;
    const { timeZone } = session;
    if (this.#timeZoneLookupFailed || (timeZone !== undefined && monotonicMs() < timeZone.expiresAtMs))
      return timeZone?.name;
    try {
      const name = (await companies.byId(companyId))?.timeZone ?? defaultTimeZone;
      session.timeZone = { name, expiresAtMs: monotonicMs() + timeZoneTtlMs };
      return name;
    } catch (error) {
      this.#timeZoneLookupFailed = true;
      report.failed("Loading the salon's time zone", error, { companyId });
      return timeZone?.name;
    }
  }

  #act(
    action: WatchdogDecision['action'],
    companyId: CompanyId,
    session: WatchedSession,
    sock: WASocket,
  ): void {
    const { whatsapp, report, monotonicMs } = this.#deps;
    if (action === 'wait') return;
    const silentMs =
      monotonicMs() - Math.max(session.openedAtMs, session.lastInboundAtMs ?? session.openedAtMs);
    report.watchdogAction(companyId, action, silentMs);
    switch (action) {
      case 'probe':
        return this.#probe(companyId, sock);
      case 'renew':
        session.renewedAtMs = monotonicMs();
        return whatsapp.dropSocket(companyId, receiveTimedOut);
      case 'alert':
        session.alertedAtMs = monotonicMs();
        return this.#record(companyId, 'whatsapp_deaf');
      case 'answered':
      case 'recovered':
    }
  }

  #probe(companyId: CompanyId, sock: WASocket): void {
    const what = 'WhatsApp session probe';
    const onError = (error: unknown): void => this.#deps.report.failed(what, error, { companyId });
    catchAsync(onError, async () => {
      if (!(await probeInbound(sock, queryTimeoutMs))) throw new Error('WhatsApp did not answer the ping');
    })();
  }

  #ping(companyId: CompanyId, session: WatchedSession, sock: WASocket): void {
    const { whatsapp, report, monotonicMs } = this.#deps;
    const onError = (error: unknown): void => report.failed('WhatsApp ping', error, { companyId });
    catchAsync(onError, async () => {
      const isAlive = await answersPing(sock, this.#timeouts.pingTimeoutMs);
      if (isAlive || whatsapp.getOpenSocket(companyId) !== sock) return;
      session.socketHealth = 'timed_out';
      session.acks = new AckTracker(monotonicMs);
      whatsapp.dropSocket(companyId, pingTimedOut);
    })();
  }

  #record(companyId: CompanyId, type: string): void {
    const { events, report } = this.#deps;
    const onError = (error: unknown): void =>
      report.failed('Recording a watchdog event', error, { companyId });
    catchAsync(onError, () => events.record({ companyId, type, cause: 'watchdog' }))();
  }

  /** The episode goes on over its sockets: neither a new one nor what had waited for it ends it. */
  #onConnected(companyId: CompanyId): void {
    const { monotonicMs, random } = this.#deps;
    const session = this.#sessions.get(companyId) ?? {
      stage: { name: 'listening' },
      openedAtMs: 0,
      lastInboundAtMs: undefined,
      acks: new AckTracker(monotonicMs),
      lastPingAtMs: -Infinity,
      socketHealth: 'healthy',
      renewedAtMs: undefined,
      alertedAtMs: undefined,
      toleranceFactor: 1 + maxExtraTolerance * random(),
      timeZone: undefined,
    };
    session.openedAtMs = monotonicMs();
    session.socketHealth = session.socketHealth === 'timed_out' ? 'unproven' : 'healthy';
    session.acks = new AckTracker(monotonicMs);
    this.#sessions.set(companyId, session);
  }
}
