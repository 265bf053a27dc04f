import type { PaceLimits } from '../../../src/domain/notification/pacing.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export const limits: PaceLimits = {
  perMinute: 3,
  perHour: 7,
  perDay: 11,
  firstContactsPerDay: 4,
  warmUpFirstContactsPerDay: 2,
  warmUpDays: 10,
  rampMs: minuteMs,
};
/** Where none is drawn. */
export const gapMs = 4_000;
export const maxAttempts = 3;
const refusedPauseMs = 5 * minuteMs;

/** A tick of the real clock passes between a claim and our note of it. */
export const toleranceMs = 250;

export type Wanted = {
  readonly phone: string;
  readonly text: string;
  /** May go at night. */
  readonly urgent: boolean;
  readonly order: number;
  readonly expiresAtMs: number;
  notBeforeMs: number;
  state: 'queued' | 'interrupted' | 'over';
};

export type Sent = Readonly<{
  atMs: number;
  wanted: Wanted;
  first: boolean;
  halved: boolean;
  held: boolean;
  night: boolean;
  /** Past its use. */
  late: boolean;
  /** To somebody who had written STOP. */
  unwanted: boolean;
  /** How many people may be written to for the first time in a day, at that moment. */
  firstContacts: number;
  /** The gap that has to follow. */
  gapMs: number;
}>;

/** What is known of a number from outside: what it was to send, what it has sent, and what happened to it. */
export class PaceModel {
  readonly wanted: Wanted[] = [];
  readonly sent: Sent[] = [];
  connectedAtMs: number;
  openedAtMs: number;
  nightUntilMs = -1;
  readonly #silent = new Set<string>();
  /** People whom WhatsApp took a message to, or who wrote. */
  readonly #chats = new Set<string>();
  #freeAtMs = -1;
  #halvedAtMs = -Infinity;
  #heldAtMs = -Infinity;

  constructor(nowMs: number) {
    this.connectedAtMs = nowMs - dayMs;
    this.openedAtMs = nowMs - dayMs;
  }

  want(phone: string, urgent: boolean, expiresAtMs: number, nowMs: number): Wanted {
    const order = this.wanted.length;
    const state = this.#silent.has(phone) ? 'over' : 'queued';
    const text = `text ${order}`;
    const one: Wanted = { phone, text, urgent, order, expiresAtMs, notBeforeMs: nowMs, state };
    this.wanted.push(one);
    return one;
  }

  stop(phone: string): void {
    this.#silent.add(phone);
    for (const one of this.wanted) if (one.phone === phone) one.state = 'over';
  }

  start(phone: string): void {
    this.#silent.delete(phone);
  }

  claimed(text: string, drawnGapMs: number, nowMs: number): Wanted {
    const wanted = this.wanted.find((one) => one.text === text);
    if (wanted === undefined) throw new Error(`Nobody wanted ${text}`);
    // In doubt it is taken to be over: the last minute proves nothing.
    const halved = nowMs < this.#halvedAtMs + dayMs - minuteMs;
    const followingGapMs = this.#gapMs(drawnGapMs, halved, nowMs);
    this.sent.push({
      atMs: nowMs,
      wanted,
      first: !this.#knows(wanted.phone),
      halved,
      held:
        nowMs < this.#heldAtMs + dayMs - minuteMs &&
        wanted.state === 'queued' &&
        !this.#chats.has(wanted.phone),
      night: nowMs < this.nightUntilMs,
      late: nowMs > wanted.expiresAtMs + toleranceMs,
      unwanted: this.#silent.has(wanted.phone),
      firstContacts: this.#firstContacts(nowMs),
      gapMs: followingGapMs,
    });
    this.#freeAtMs = nowMs + this.#gapMs(drawnGapMs, this.#mayBeHalved(nowMs), nowMs);
    wanted.state = 'over';
    return wanted;
  }

  putBack(wanted: Wanted, nowMs: number, retryAfterMs: number): void {
    this.sent.pop();
    wanted.state = 'queued';
    wanted.notBeforeMs = nowMs + retryAfterMs;
  }

  /** WhatsApp took a message to this person, or one came from there. */
  chats(phone: string): void {
    this.#chats.add(phone);
  }

  /** @param isLast there is no other attempt */
  refused(wanted: Wanted, code: '463' | '429', isLast: boolean, nowMs: number): void {
    this.#halvedAtMs = nowMs;
    if (code === '463') this.#heldAtMs = nowMs;
    else this.#freeAtMs = Math.max(this.#freeAtMs, nowMs + refusedPauseMs);
    if (isLast) return;
    wanted.state = 'queued';
    wanted.notBeforeMs = nowMs + refusedPauseMs;
  }

  /** Something that is due and within every limit beyond doubt. */
  mayGo(nowMs: number): Wanted | undefined {
    if (!this.#paceAllows(nowMs)) return undefined;
    const surelyNight = nowMs < this.nightUntilMs + toleranceMs;
    const strangersMay = this.#strangersMay(nowMs);
    const chatsMay = nowMs > this.#heldAtMs + dayMs + minuteMs;
    return this.wanted.find(
      (one) =>
        one.state !== 'over' &&
        one.expiresAtMs > nowMs + toleranceMs &&
        (one.urgent || !surelyNight) &&
        (one.state === 'interrupted' ||
          (one.notBeforeMs <= nowMs - toleranceMs &&
            (strangersMay || this.#knows(one.phone)) &&
            (chatsMay || this.#chats.has(one.phone)) &&
            !this.#isBehind(one, nowMs))),
    );
  }

  /** What is not surely past its use. */
  waiting(nowMs: number): readonly Wanted[] {
    return this.wanted.filter(
      ({ state, expiresAtMs }) => state !== 'over' && expiresAtMs > nowMs - toleranceMs,
    );
  }

  /** Whether no limit becomes wider in this span, and nothing that others wait for passes its use. */
  staysAsItIs(nowMs: number, spanMs: number): boolean {
    const isYoung = nowMs + spanMs - this.connectedAtMs < limits.warmUpDays * dayMs;
    const ends = this.waiting(nowMs).some(({ expiresAtMs }) => expiresAtMs < nowMs + spanMs + toleranceMs);
    return isYoung && !ends && !this.#mayBeHalved(nowMs);
  }

  #isBehind(one: Wanted, nowMs: number): boolean {
    return this.waiting(nowMs).some((earlier) => earlier.phone === one.phone && earlier.order < one.order);
  }

  #paceAllows(nowMs: number): boolean {
    const share = this.#mayBeHalved(nowMs) ? 0.5 : 1;
    const windows = [
      [limits.perMinute, minuteMs],
      [limits.perHour, hourMs],
      [limits.perDay, dayMs],
    ] as const;
    // A ramp is steep: a tick of the clock makes much of a difference.
    return (
      nowMs > this.#freeAtMs + 1_000 &&
      windows.every(([limit, windowMs]) => this.#countSince(nowMs - windowMs) < Math.floor(limit * share))
    );
  }

  #strangersMay(nowMs: number): boolean {
    const share = this.#mayBeHalved(nowMs) ? 0.5 : 1;
    const firsts = this.sent.filter(({ first, atMs }) => first && atMs > nowMs - dayMs - toleranceMs).length;
    const allowed = Math.floor(limits.warmUpFirstContactsPerDay * share);
    return firsts < allowed;
  }

  #countSince(sinceMs: number): number {
    return this.sent.filter(({ atMs }) => atMs > sinceMs - toleranceMs).length;
  }

  #mayBeHalved(nowMs: number): boolean {
    return nowMs < this.#halvedAtMs + dayMs + minuteMs;
  }

  #knows(phone: string): boolean {
    return this.sent.some(({ wanted }) => wanted.phone === phone);
  }

  #firstContacts(nowMs: number): number {
    const { warmUpDays, warmUpFirstContactsPerDay, firstContactsPerDay } = limits;
    const isOld = nowMs - this.connectedAtMs > warmUpDays * dayMs;
    return isOld ? firstContactsPerDay : warmUpFirstContactsPerDay;
  }

  /** After a reconnection the rate grows from a tenth to the whole. */
  #gapMs(drawnMs: number, halved: boolean, nowMs: number): number {
    const wholeMs = halved ? drawnMs * 2 : drawnMs;
    const openMs = nowMs - this.openedAtMs;
    if (openMs >= limits.rampMs) return wholeMs;
    const rate = 0.1 + (0.9 * openMs) / limits.rampMs;
    return Math.min(wholeMs / rate, wholeMs + limits.rampMs - openMs);
  }
}
