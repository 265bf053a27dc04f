import type { WASocket } from '@whiskeysockets/baileys';
import { BusinessHours } from '../../domain/company/business-hours.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { catchAsync } from '../../lib/async/catch-async.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';
import type { WhatsApp } from '../../ports/sessions.ts';
import {
  type Disconnect,
  pingTimedOut,
  closeTimedOut,
  receiveTimedOut,
} from '../session/disconnect-policy.ts';
import { AckTracker } from './ack-tracker.ts';
import { ping, sendProbe } from './probe.ts';
import {
  decideWatchdogAction,
  defaultWatchdogTimeouts,
  type WatchdogDecision,
  type WatchdogFacts,
  type WatchdogStage,
  type WatchdogTimeouts,
  receivedSince,
} from './watchdog-policy.ts';

/** Limits per sweep over all sessions: hundreds of silent sessions have a common cause. */
const maxPerSweep: Readonly<Partial<Record<WatchdogDecision['action'], number>>> = { probe: 10, renew: 2 };
const queryTimeoutMs = 10_000;
const timeZoneTtlMs = 60 * 60_000;
/** Maximum random tolerance added per session, so that probes spread out. */
const maxExtraTolerance = 0.25;
/** Used for salons without a time zone in YCLIENTS. */
const defaultTimeZone = 'Europe/Moscow';

export type ReceiveWatchdogDeps = Readonly<{
  whatsapp: Pick<WhatsApp, 'on' | 'getActiveSessions'> &
    Readonly<{
      getConnectedSocket: (companyId: CompanyId) => WASocket | undefined;
      dropSocket: (companyId: CompanyId, reason: Disconnect) => void;
    }>;
  companies: Pick<Companies, 'byId'>;
  events: Pick<Events, 'record'>;
  report: Pick<BusinessEvents, 'watchdogAction' | 'failed'>;
  now: () => Date;
  monotonicMs: () => number;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

type WatchedSession = {
  stage: WatchdogStage;
  openedAtMs: number;
  lastInboundAtMs: number | undefined;
  acks: AckTracker;
  lastPingAtMs: number;
  /** `unproven`: opened after a ping timeout, no ack yet. It is not pinged, because WhatsApp may just be slow. */
  socketHealth: 'healthy' | 'timed_out' | 'unproven';
  renewedAtMs: number | undefined;
  /** When `whatsapp_deaf` was recorded; undefined again after the recovery. */
  alertedAtMs: number | undefined;
  readonly toleranceFactor: number;
  timeZone: Readonly<{ name: string; expiresAtMs: number }> | undefined;
};

/**
 * Detects sessions that look connected but receive nothing, and sockets that no longer answer pings. Replaces their sockets
 * and records an alert if that does not help.
 */
export class ReceiveWatchdog {
  readonly #deps: ReceiveWatchdogDeps;
  readonly #timeouts: WatchdogTimeouts;
  readonly #sessions = new Map<CompanyId, WatchedSession>();
  #isSweeping = false;
  #timeZoneLookupFailed = false;

  constructor(deps: ReceiveWatchdogDeps, timeouts: Partial<WatchdogTimeouts> = {}) {
    this.#deps = deps;
    this.#timeouts = { ...defaultWatchdogTimeouts, ...timeouts };
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

  /** Sessions that have received nothing since their alert, not even on a new socket. */
  get alertedSessionCount(): number {
    return [...this.#sessions.values()].filter(({ alertedAtMs }) => alertedAtMs !== undefined).length;
  }

  /** When the last unsolicited stanza arrived; undefined if none has since this process started the session. */
  readonly lastInboundAt = (companyId: CompanyId): Date | undefined => {
    const { now, monotonicMs } = this.#deps;
    const lastInboundAtMs = this.#sessions.get(companyId)?.lastInboundAtMs;
    return lastInboundAtMs === undefined
      ? undefined
      : new Date(now().getTime() - (monotonicMs() - lastInboundAtMs));
  };

  /** Checks every session once. Does not wait for the probes it sends. */
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
   * Pings the sockets with a late ack and drops those that do not answer, so that their messages are resent on the next
   * socket before they expire. Does not wait for the responses.
   */
  pingStalledSockets(): void {
    const { whatsapp, monotonicMs } = this.#deps;
    const nowMs = monotonicMs();
    for (const [companyId, session] of this.#sessions) {
      if (session.acks.lastAckAtMs !== undefined) session.socketHealth = 'healthy';
      const sinceMs = session.acks.unacknowledged?.sinceMs;
      if (sinceMs === undefined || session.socketHealth !== 'healthy') continue;
      const sock = whatsapp.getConnectedSocket(companyId);
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
    const actionCounts = new Map<WatchdogDecision['action'], number>();
    const businessHours = new BusinessHours(this.#deps.now());
    for (const [companyId, session] of this.#sessions) {
      if (!active.has(companyId)) {
        this.#sessions.delete(companyId);
        continue;
      }
      const sock = whatsapp.getConnectedSocket(companyId);
      if (sock === undefined) continue;
      if (sock.ws.isClosing) {
        whatsapp.dropSocket(companyId, closeTimedOut);
        continue;
      }
      if (session.alertedAtMs !== undefined && receivedSince(session.alertedAtMs, session, this.#timeouts)) {
        session.alertedAtMs = undefined;
        this.#recordEvent(companyId, 'whatsapp_hears_again');
      }
      const { action, stage } = await this.#decide(companyId, session, businessHours);
      const count = actionCounts.get(action) ?? 0;
      const isLimitReached = count >= (maxPerSweep[action] ?? Infinity);
      if (whatsapp.getConnectedSocket(companyId) !== sock || isLimitReached) continue;
      actionCounts.set(action, count + 1);
      session.stage = stage;
      this.#act(action, companyId, session, sock);
    }
  }

  async #decide(
    companyId: CompanyId,
    session: WatchedSession,
    businessHours: BusinessHours,
  ): Promise<WatchdogDecision> {
    const alwaysOpen = { nowMs: this.#deps.monotonicMs(), businessSinceMs: -Infinity };
    const duringBusinessHours = this.#decideAt(session, alwaysOpen);
    // Most sessions have just received a stanza, so their time zone need not be loaded.
    if (session.stage.name === 'idle' && duringBusinessHours.action === 'wait') return duringBusinessHours;
    const timeZone = await this.#loadTimeZone(companyId, session);
    const openForMs = timeZone === undefined ? undefined : businessHours.elapsedMs(timeZone);
    const nowMs = this.#deps.monotonicMs();
    const businessSinceMs = openForMs === undefined ? undefined : nowMs - openForMs;
    return this.#decideAt(session, { nowMs, businessSinceMs });
  }

  #decideAt(
    session: WatchedSession,
    time: Pick<WatchdogFacts, 'nowMs' | 'businessSinceMs'>,
  ): WatchdogDecision {
    const { unacknowledged, lastAckAtMs } = session.acks;
    return decideWatchdogAction(
      session.stage,
      { ...session, ...time, unacknowledged, lastAckAtMs },
      this.#timeouts,
    );
  }

  /** Undefined when the database fails; the rest of the sweep then uses cached time zones only. */
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
      report.failed('Salon time zone lookup', error, { companyId });
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
        return this.#recordEvent(companyId, 'whatsapp_deaf');
      case 'answered':
      case 'recovered':
    }
  }

  #probe(companyId: CompanyId, sock: WASocket): void {
    const { report } = this.#deps;
    const onError = (error: unknown): void => report.failed('WhatsApp session probe', error, { companyId });
    catchAsync(onError, async () => {
      if (!(await sendProbe(sock, queryTimeoutMs))) throw new Error('WhatsApp did not answer the ping');
    })();
  }

  #ping(companyId: CompanyId, session: WatchedSession, sock: WASocket): void {
    const { whatsapp, report, monotonicMs } = this.#deps;
    const onError = (error: unknown): void => report.failed('WhatsApp ping', error, { companyId });
    catchAsync(onError, async () => {
      const isAlive = await ping(sock, this.#timeouts.pingTimeoutMs);
      if (isAlive || whatsapp.getConnectedSocket(companyId) !== sock) return;
      session.socketHealth = 'timed_out';
      session.acks = new AckTracker(monotonicMs);
      whatsapp.dropSocket(companyId, pingTimedOut);
    })();
  }

  #recordEvent(companyId: CompanyId, type: string): void {
    const { events, report } = this.#deps;
    const onError = (error: unknown): void => report.failed('Watchdog event write', error, { companyId });
    catchAsync(onError, () => events.record({ companyId, type, cause: 'watchdog' }))();
  }

  /** An episode spans several sockets: neither a new socket nor its offline queue ends it. */
  #onConnected(companyId: CompanyId): void {
    const { monotonicMs, random } = this.#deps;
    const session = this.#sessions.get(companyId) ?? {
      stage: { name: 'idle' },
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
