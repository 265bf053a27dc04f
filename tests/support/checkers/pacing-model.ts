import type { PacingLimits } from '../../../src/domain/notification/pacing.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export const limits: PacingLimits = {
  perMinute: 3,
  perHour: 7,
  perDay: 11,
  firstContactsPerDay: 4,
  warmUpFirstContactsPerDay: 2,
  warmUpDays: 10,
  rampMs: minuteMs,
};
/** Default when the test draws none. */
export const gapMs = 4_000;
export const maxAttempts = 3;
const rejectionPauseMs = 5 * minuteMs;

/** Tolerance: the real clock ticks between a claim and its record here. */
export const toleranceMs = 250;

export type QueuedMessage = {
  readonly phone: string;
  readonly text: string;
  /** Ignores quiet hours. */
  readonly urgent: boolean;
  readonly order: number;
  readonly expiresAtMs: number;
  notBeforeMs: number;
  state: 'queued' | 'interrupted' | 'over';
};

export type Sent = Readonly<{
  atMs: number;
  message: QueuedMessage;
  isFirstContact: boolean;
  halved: boolean;
  heldByRestriction: boolean;
  inQuietHours: boolean;
  /** Expired. */
  expired: boolean;
  /** The recipient had opted out with STOP. */
  optedOut: boolean;
  /** Daily limit of first contacts at that time. */
  firstContacts: number;
  /** Minimum gap before the next message. */
  gapMs: number;
}>;

/** Model of a number: its queued and sent messages and the events that affect its limits. */
export class PaceModel {
  readonly queued: QueuedMessage[] = [];
  readonly sent: Sent[] = [];
  connectedAtMs: number;
  openedAtMs: number;
  quietUntilMs = -1;
  readonly #optedOut = new Set<string>();
  /** Clients with an accepted message, or who wrote themselves. */
  readonly #chats = new Set<string>();
  #nextSendAtMs = -1;
  #halvedAtMs = -Infinity;
  #restrictedAtMs = -Infinity;

  constructor(nowMs: number) {
    this.connectedAtMs = nowMs - dayMs;
    this.openedAtMs = nowMs - dayMs;
  }

  enqueue(phone: string, urgent: boolean, expiresAtMs: number, nowMs: number): QueuedMessage {
    const order = this.queued.length;
    const state = this.#optedOut.has(phone) ? 'over' : 'queued';
    const text = `text ${order}`;
    const one: QueuedMessage = { phone, text, urgent, order, expiresAtMs, notBeforeMs: nowMs, state };
    this.queued.push(one);
    return one;
  }

  stop(phone: string): void {
    this.#optedOut.add(phone);
    for (const one of this.queued) if (one.phone === phone) one.state = 'over';
  }

  start(phone: string): void {
    this.#optedOut.delete(phone);
  }

  recordClaim(text: string, drawnGapMs: number, nowMs: number): QueuedMessage {
    const wanted = this.queued.find((one) => one.text === text);
    if (wanted === undefined) throw new Error(`Unknown message ${text}`);
    // Uncertain within the last minute: treated as over.
    const halved = nowMs < this.#halvedAtMs + dayMs - minuteMs;
    const followingGapMs = this.#gapMs(drawnGapMs, halved, nowMs);
    this.sent.push({
      atMs: nowMs,
      message: wanted,
      isFirstContact: !this.#hasContacted(wanted.phone),
      halved,
      heldByRestriction:
        nowMs < this.#restrictedAtMs + dayMs - minuteMs &&
        wanted.state === 'queued' &&
        !this.#chats.has(wanted.phone),
      inQuietHours: nowMs < this.quietUntilMs,
      expired: nowMs > wanted.expiresAtMs + toleranceMs,
      optedOut: this.#optedOut.has(wanted.phone),
      firstContacts: this.#firstContacts(nowMs),
      gapMs: followingGapMs,
    });
    this.#nextSendAtMs = nowMs + this.#gapMs(drawnGapMs, this.#isLimitHalved(nowMs), nowMs);
    wanted.state = 'over';
    return wanted;
  }

  reschedule(wanted: QueuedMessage, nowMs: number, retryAfterMs: number): void {
    this.sent.pop();
    wanted.state = 'queued';
    wanted.notBeforeMs = nowMs + retryAfterMs;
  }

  /** WhatsApp accepted a message to this client, or the client wrote. */
  recordChat(phone: string): void {
    this.#chats.add(phone);
  }

  /** @param isLast no attempt is left */
  recordRejection(wanted: QueuedMessage, code: '463' | '429', isLast: boolean, nowMs: number): void {
    this.#halvedAtMs = nowMs;
    if (code === '463') this.#restrictedAtMs = nowMs;
    else this.#nextSendAtMs = Math.max(this.#nextSendAtMs, nowMs + rejectionPauseMs);
    if (isLast) return;
    wanted.state = 'queued';
    wanted.notBeforeMs = nowMs + rejectionPauseMs;
  }

  /** A message that is certainly due and within every limit. */
  nextSendable(nowMs: number): QueuedMessage | undefined {
    if (!this.#isWithinPace(nowMs)) return undefined;
    const isQuietHours = nowMs < this.quietUntilMs + toleranceMs;
    const firstContactAllowed = this.#firstContactAllowed(nowMs);
    const restrictionLifted = nowMs > this.#restrictedAtMs + dayMs + minuteMs;
    return this.queued.find(
      (one) =>
        one.state !== 'over' &&
        one.expiresAtMs > nowMs + toleranceMs &&
        (one.urgent || !isQuietHours) &&
        (one.state === 'interrupted' ||
          (one.notBeforeMs <= nowMs - toleranceMs &&
            (firstContactAllowed || this.#hasContacted(one.phone)) &&
            (restrictionLifted || this.#chats.has(one.phone)) &&
            !this.#isBlockedByEarlier(one, nowMs))),
    );
  }

  /** Messages that have not certainly expired. */
  pending(nowMs: number): readonly QueuedMessage[] {
    return this.queued.filter(
      ({ state, expiresAtMs }) => state !== 'over' && expiresAtMs > nowMs - toleranceMs,
    );
  }

  /** True when no limit widens within this span and no message that blocks others expires. */
  isStable(nowMs: number, spanMs: number): boolean {
    const isWarmingUp = nowMs + spanMs - this.connectedAtMs < limits.warmUpDays * dayMs;
    const ends = this.pending(nowMs).some(({ expiresAtMs }) => expiresAtMs < nowMs + spanMs + toleranceMs);
    return isWarmingUp && !ends && !this.#isLimitHalved(nowMs);
  }

  #isBlockedByEarlier(one: QueuedMessage, nowMs: number): boolean {
    return this.pending(nowMs).some((earlier) => earlier.phone === one.phone && earlier.order < one.order);
  }

  #isWithinPace(nowMs: number): boolean {
    const share = this.#isLimitHalved(nowMs) ? 0.5 : 1;
    const windows = [
      [limits.perMinute, minuteMs],
      [limits.perHour, hourMs],
      [limits.perDay, dayMs],
    ] as const;
    // The ramp is steep: one tick of the clock changes the limit noticeably.
    return (
      nowMs > this.#nextSendAtMs + 1_000 &&
      windows.every(([limit, windowMs]) => this.#countSince(nowMs - windowMs) < Math.floor(limit * share))
    );
  }

  #firstContactAllowed(nowMs: number): boolean {
    const share = this.#isLimitHalved(nowMs) ? 0.5 : 1;
    const firsts = this.sent.filter(
      ({ isFirstContact, atMs }) => isFirstContact && atMs > nowMs - dayMs - toleranceMs,
    ).length;
    const allowed = Math.floor(limits.warmUpFirstContactsPerDay * share);
    return firsts < allowed;
  }

  #countSince(sinceMs: number): number {
    return this.sent.filter(({ atMs }) => atMs > sinceMs - toleranceMs).length;
  }

  #isLimitHalved(nowMs: number): boolean {
    return nowMs < this.#halvedAtMs + dayMs + minuteMs;
  }

  #hasContacted(phone: string): boolean {
    return this.sent.some(({ message }) => message.phone === phone);
  }

  #firstContacts(nowMs: number): number {
    const { warmUpDays, warmUpFirstContactsPerDay, firstContactsPerDay } = limits;
    const isWarmedUp = nowMs - this.connectedAtMs > warmUpDays * dayMs;
    return isWarmedUp ? firstContactsPerDay : warmUpFirstContactsPerDay;
  }

  /** After a reconnection the rate grows from 10 % to 100 %. */
  #gapMs(drawnMs: number, halved: boolean, nowMs: number): number {
    const wholeMs = halved ? drawnMs * 2 : drawnMs;
    const openMs = nowMs - this.openedAtMs;
    if (openMs >= limits.rampMs) return wholeMs;
    const rate = 0.1 + (0.9 * openMs) / limits.rampMs;
    return Math.min(wholeMs / rate, wholeMs + limits.rampMs - openMs);
  }
}
