import type { WASocket } from '@whiskeysockets/baileys';
import { BusinessHours } from '../../domain/company/business-hours.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { guarded } from '../../lib/async/catch-async.ts';
import type { Companies, Events, WhatsApp } from '../../ports/ports.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import { Acknowledgements } from './ack-tracker.ts';
import {
  decideDeafness,
  defaultDeafnessTimings,
  type DeafnessDecision,
  type DeafnessFacts,
  type DeafnessStage,
  type DeafnessTimings,
  hearsSince,
} from './watchdog-policy.ts';
import { type Disconnect, lineDead, socketDead, socketDeaf } from '../session/disconnect-policy.ts';
import { answersPing, probeInbound } from './probe.ts';

/** Each sweep begins so many of these at most, over all sessions: where hundreds are deaf the cause is not theirs. */
const atOnce: Readonly<Partial<Record<DeafnessDecision['action'], number>>> = { probe: 10, renew: 2 };
const queryTimeoutMs = 10_000;
const zoneHoldsMs = 60 * 60_000;
/** The longest that one session is borne with beyond the others. */
const morePatience = 0.25;
/** Of salons whose zone the platform did not tell. */
const likelyTimeZone = 'Europe/Moscow';

export type DeafnessWatchOptions = Readonly<{
  whatsapp: Pick<WhatsApp, 'on' | 'getActiveSessions'> &
    Readonly<{
      openSocketOf: (companyId: CompanyId) => WASocket | undefined;
      giveUpSocket: (companyId: CompanyId, reason: Disconnect) => void;
    }>;
  companies: Pick<Companies, 'byId'>;
  events: Pick<Events, 'record'>;
  report: Pick<BusinessEvents, 'deafness' | 'failed'>;
  timings?: Partial<DeafnessTimings>;
  now: () => Date;
  /** Milliseconds of a clock that never jumps. */
  monotonicMs: () => number;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

type Ear = {
  stage: DeafnessStage;
  openedAtMs: number;
  heardAtMs: number | undefined;
  /** Of messages on the present socket. */
  acks: Acknowledgements;
  /** When the line was last asked whether it is alive. */
  lineAskedAtMs: number;
  /** `replaced`: for want of an answer, and nothing was acknowledged on the next socket yet. WhatsApp may be slow, not the line dead. */
  line: 'trusted' | 'given up' | 'replaced';
  renewedAtMs: number | undefined;
  /** When `whatsapp_deaf` was recorded, until it hears again. */
  toldAtMs: number | undefined;
  readonly patience: number;
  zone: Readonly<{ name: string; untilMs: number }> | undefined;
};

/** Finds sessions that look connected and hear nothing, or are dead. What it keeps of a session is gone once the session is over. */
export class DeafnessWatch {
  readonly #options: DeafnessWatchOptions;
  readonly #timings: DeafnessTimings;
  readonly #ears = new Map<CompanyId, Ear>();
  #isSweeping = false;
  #zonesFailed = false;

  constructor(options: DeafnessWatchOptions) {
    this.#options = options;
    this.#timings = { ...defaultDeafnessTimings, ...options.timings };
    const { whatsapp, monotonicMs } = options;
    whatsapp.on('connected', (companyId) => this.#opened(companyId));
    whatsapp.on('inbound', (companyId) => {
      const ear = this.#ears.get(companyId);
      if (ear === undefined) return;
      ear.heardAtMs = monotonicMs();
      ear.acks.forgive();
    });
    whatsapp.on('handed-over', (companyId, id) => this.#ears.get(companyId)?.acks.left(id));
    whatsapp.on('message-status', (companyId, { whatsappMessageId }) =>
      this.#ears.get(companyId)?.acks.came(whatsappMessageId),
    );
  }

  /** Sessions that were found deaf and have heard nothing since, also over a new socket. */
  get deafSessions(): number {
    return [...this.#ears.values()].filter(({ toldAtMs }) => toldAtMs !== undefined).length;
  }

  /** When something unasked last came; undefined: not since this process runs the session. */
  readonly lastInboundAt = (companyId: CompanyId): Date | undefined => {
    const { now, monotonicMs } = this.#options;
    const heardAtMs = this.#ears.get(companyId)?.heardAtMs;
    return heardAtMs === undefined ? undefined : new Date(now().getTime() - (monotonicMs() - heardAtMs));
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
  sweepLines(): void {
    const { whatsapp, monotonicMs } = this.#options;
    const nowMs = monotonicMs();
    for (const [companyId, ear] of this.#ears) {
      if (ear.acks.lastAtMs !== undefined) ear.line = 'trusted';
      const sinceMs = ear.acks.missing?.sinceMs;
      if (sinceMs === undefined || ear.line !== 'trusted') continue;
      const sock = whatsapp.openSocketOf(companyId);
      const isLate = nowMs - Math.max(sinceMs, ear.lineAskedAtMs) >= this.#timings.lateAckMs;
      if (sock === undefined || !isLate) continue;
      ear.lineAskedAtMs = nowMs;
      this.#askLine(companyId, ear, sock);
    }
  }

  async #sweep(): Promise<void> {
    const { whatsapp } = this.#options;
    this.#zonesFailed = false;
    const active = new Set(whatsapp.getActiveSessions().map(({ companyId }) => companyId));
    const begun = new Map<DeafnessDecision['action'], number>();
    const hours = new BusinessHours(this.#options.now());
    for (const [companyId, ear] of this.#ears) {
      if (!active.has(companyId)) {
        this.#ears.delete(companyId);
        continue;
      }
      const before = whatsapp.openSocketOf(companyId);
      if (before?.ws.isClosing === true) whatsapp.giveUpSocket(companyId, socketDead);
      if (before === undefined || before.ws.isClosing) continue;
      if (ear.toldAtMs !== undefined && hearsSince(ear.toldAtMs, ear, this.#timings)) {
        ear.toldAtMs = undefined;
        this.#record(companyId, 'whatsapp_hears_again');
      }
      const { action, stage } = await this.#decide(companyId, ear, hours);
      const sock = whatsapp.openSocketOf(companyId);
      const count = begun.get(action) ?? 0;
      if (sock !== before || count >= (atOnce[action] ?? Infinity)) continue;
      begun.set(action, count + 1);
      ear.stage = stage;
      this.#act(action, companyId, ear, before);
    }
  }

  async #decide(companyId: CompanyId, ear: Ear, hours: BusinessHours): Promise<DeafnessDecision> {
    const facts = { nowMs: this.#options.monotonicMs(), businessSinceMs: -Infinity };
    const atAnyHour = this.#decideBy(ear, facts);
    // Most sessions have just heard something: where they are does not matter then.
    if (ear.stage.name === 'listening' && atAnyHour.action === 'wait') return atAnyHour;
    const timeZone = await this.#timeZoneOf(companyId, ear);
    const openForMs = timeZone === undefined ? undefined : hours.lastForMs(timeZone);
    const nowMs = this.#options.monotonicMs();
    const businessSinceMs = openForMs === undefined ? undefined : nowMs - openForMs;
    return this.#decideBy(ear, { nowMs, businessSinceMs });
  }

  #decideBy(ear: Ear, time: Pick<DeafnessFacts, 'nowMs' | 'businessSinceMs'>): DeafnessDecision {
    const { missing: unacknowledged, lastAtMs: acknowledgedAtMs } = ear.acks;
    return decideDeafness(ear.stage, { ...ear, ...time, unacknowledged, acknowledgedAtMs }, this.#timings);
  }

  /** Undefined when it cannot be asked for: then the others are not asked for in this sweep either. */
  async #timeZoneOf(companyId: CompanyId, ear: Ear): Promise<string | undefined> {
    const { companies, report, monotonicMs } = this.#options;
    const { zone } = ear;
    if (this.#zonesFailed || (zone !== undefined && monotonicMs() < zone.untilMs)) return zone?.name;
    try {
      const name = (await companies.byId(companyId))?.timeZone ?? likelyTimeZone;
      ear.zone = { name, untilMs: monotonicMs() + zoneHoldsMs };
      return name;
    } catch (error) {
      this.#zonesFailed = true;
      report.failed('Asking for the time zone of a salon', error, { companyId });
      return zone?.name;
    }
  }

  #act(action: DeafnessDecision['action'], companyId: CompanyId, ear: Ear, sock: WASocket): void {
    const { whatsapp, report, monotonicMs } = this.#options;
    if (action === 'wait') return;
    const silentMs = monotonicMs() - Math.max(ear.openedAtMs, ear.heardAtMs ?? ear.openedAtMs);
    report.deafness(companyId, action, silentMs);
    switch (action) {
      case 'probe':
        return this.#probe(companyId, sock);
      case 'renew':
        ear.renewedAtMs = monotonicMs();
        return whatsapp.giveUpSocket(companyId, socketDeaf);
      case 'alert':
        ear.toldAtMs = monotonicMs();
        return this.#record(companyId, 'whatsapp_deaf');
      case 'answered':
      case 'recovered':
    }
  }

  #probe(companyId: CompanyId, sock: WASocket): void {
    const what = 'Probing a WhatsApp session';
    const failed = (error: unknown): void => this.#options.report.failed(what, error, { companyId });
    guarded(failed, async () => {
      if (!(await probeInbound(sock, queryTimeoutMs))) throw new Error('WhatsApp answers no query');
    })();
  }

  #askLine(companyId: CompanyId, ear: Ear, sock: WASocket): void {
    const { whatsapp, report, monotonicMs } = this.#options;
    const failed = (error: unknown): void => report.failed('Asking a line', error, { companyId });
    guarded(failed, async () => {
      const isAlive = await answersPing(sock, this.#timings.pingTimeoutMs);
      if (isAlive || whatsapp.openSocketOf(companyId) !== sock) return;
      ear.line = 'given up';
      ear.acks = new Acknowledgements(monotonicMs);
      whatsapp.giveUpSocket(companyId, lineDead);
    })();
  }

  #record(companyId: CompanyId, type: string): void {
    const { events, report } = this.#options;
    const failed = (error: unknown): void => report.failed('Recording a deaf session', error, { companyId });
    guarded(failed, () => events.record({ companyId, type, cause: 'watchdog' }))();
  }

  /** The episode goes on over its sockets: neither a new one nor what had waited for it ends it. */
  #opened(companyId: CompanyId): void {
    const { monotonicMs, random } = this.#options;
    const ear = this.#ears.get(companyId) ?? {
      stage: { name: 'listening' },
      openedAtMs: 0,
      heardAtMs: undefined,
      acks: new Acknowledgements(monotonicMs),
      lineAskedAtMs: -Infinity,
      line: 'trusted',
      renewedAtMs: undefined,
      toldAtMs: undefined,
      patience: 1 + morePatience * random(),
      zone: undefined,
    };
    ear.openedAtMs = monotonicMs();
    ear.line = ear.line === 'given up' ? 'replaced' : 'trusted';
    ear.acks = new Acknowledgements(monotonicMs);
    this.#ears.set(companyId, ear);
  }
}
