import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CompanyId } from '../../src/domain/ids.ts';
import type { PaceLimits } from '../../src/domain/pacing.ts';
import type { Claim } from '../../src/marketplace/message-ports.ts';
import type { Lease } from '../../src/marketplace/ports.ts';
import { TimeTraveller } from '../harness/time-traveller.ts';
import { engines, newMessage, registeredCompany, useStore } from '../harness/storage.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const limits: PaceLimits = {
  perMinute: 3,
  perHour: 8,
  perDay: 20,
  firstContactsPerDay: 4,
  warmUpFirstContactsPerDay: 2,
  warmUpDays: 10,
  rampMs: minuteMs,
};
const gapMs = 4_000;

type Sent = Readonly<{
  atMs: number;
  phone: string;
  text: string;
  first: boolean;
  halved: boolean;
  held: boolean;
}>;

/** What may happen to an outbox, in any order. */
type Step =
  | Readonly<{ what: 'enqueue'; person: number }>
  | Readonly<{ what: 'pass'; ms: number }>
  | Readonly<{ what: 'claim'; then: 'ack' | '463' | '429' | 'nothing left' | 'crash' }>
  | Readonly<{ what: 'restart' }>;

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('enqueue' as const), person: fc.nat(6) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('pass' as const),
      ms: fc.oneof(fc.integer({ min: 500, max: 20_000 }), fc.integer({ min: 20_000, max: 2 * hourMs })),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constant('claim' as const),
      then: fc.oneof(
        { weight: 12, arbitrary: fc.constant('ack' as const) },
        { weight: 1, arbitrary: fc.constantFrom('463' as const, '429' as const) },
        { weight: 2, arbitrary: fc.constantFrom('nothing left' as const, 'crash' as const) },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('restart' as const) }) },
);

describe.each(engines().slice(0, 1))('the pace of a number in $name', ({ make }) => {
  const store = useStore(make);

  it('exceeds no limit and reorders no client, whatever fails and however often it restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 90 }), async (steps) => {
        const number = await PacedNumber.open(store);
        for (const one of steps) await number.take(one);
        await number.drain();
        assertWithinLimits(number.sent);
        assertInOrder(number.sent, number.enqueued);
      }),
      { numRuns: 25 },
    );
  }, 180_000);

  it('says exactly when the next message may go', async () => {
    const number = await PacedNumber.open(store);
    for (let count = 0; count < 12; count += 1) await number.take({ what: 'enqueue', person: 0 });
    const waitsMs: number[] = [];
    for (let count = 0; count < 12; count += 1) {
      const claim = await number.claim();
      if (claim.message !== undefined) {
        await number.settle(claim.message, 'ack');
        continue;
      }
      waitsMs.push(number.waitMs(claim));
      await number.take({ what: 'pass', ms: number.waitMs(claim) - 1_000 });
      expect((await number.claim()).message).toBeUndefined();
      await number.take({ what: 'pass', ms: 1_100 });
    }
    // Three in a minute with a gap between, then the rest of the minute.
    expect(waitsMs.map((ms) => Math.round(ms / 1_000))).toEqual([4, 4, 52, 4, 4, 52]);
  });

  it('grows from a tenth after a reconnection', async () => {
    const number = await PacedNumber.open(store);
    await number.reconnect();
    for (let count = 0; count < 3; count += 1) await number.take({ what: 'enqueue', person: 0 });
    const first = await number.claim();
    if (first.message === undefined) throw new Error('The first message may go at once');
    await number.settle(first.message, 'ack');
    const waitMs = number.waitMs(await number.claim());
    // Ten gaps in the first second after the reconnection.
    expect(waitMs).toBeGreaterThan(30_000);
    expect(waitMs).toBeLessThanOrEqual(41_000);
  });

  it('gives nothing to a company that is frozen, and goes on when it is not', async () => {
    const number = await PacedNumber.open(store);
    await number.take({ what: 'enqueue', person: 0 });
    await number.setStatus('frozen');
    expect(await number.claim()).toEqual({ dueAt: undefined });
    await number.setStatus('active');
    expect((await number.claim()).message).toBeDefined();
  });

  it('lets only what may go at night go at night', async () => {
    const { messages } = store.repositories;
    const number = await PacedNumber.open(store);
    const quietUntil = new Date(Date.now() + hourMs);
    await messages.enqueue(newMessage(number.companyId), 'test');
    const held = await number.claim({ quietUntil });
    expect(held).toEqual({ dueAt: quietUntil });
    await messages.enqueue(newMessage(number.companyId, { heedsQuietHours: false, text: 'now' }), 'test');
    expect((await number.claim({ quietUntil })).message?.text).toBe('now');
  });

  type Store = ReturnType<typeof useStore>;

  /** The outbox of one number, in a time that passes only when it is told to. */
  class PacedNumber {
    readonly companyId: CompanyId;
    readonly sent: Sent[] = [];
    readonly enqueued = new Map<string, string[]>();
    readonly #store: Store;
    readonly #time: TimeTraveller;
    readonly #people: readonly string[];
    #lease: Lease;
    #texts = 0;
    #halvedUntilMs = -1;
    #heldUntilMs = -1;

    static async open(store: Store): Promise<PacedNumber> {
      const { id } = await registeredCompany(store.repositories);
      const time = new TimeTraveller(store.database, id);
      await time.forget('connected');
      const lease = await store.repositories.leases.acquire(id, 'owner', dayMs);
      if (lease === undefined) throw new Error('No lease');
      return new PacedNumber(store, time, lease);
    }

    constructor(store: Store, time: TimeTraveller, lease: Lease) {
      this.#store = store;
      this.#time = time;
      this.#lease = lease;
      this.companyId = lease.companyId;
      this.#people = Array.from({ length: 7 }, (_, index) => `+7900${String(index).padStart(7, '0')}`);
    }

    async take(one: Step): Promise<void> {
      switch (one.what) {
        case 'enqueue':
          await this.#enqueue(this.#people[one.person] ?? '');
          return;
        case 'pass':
          await this.#time.pass(one.ms);
          return;
        case 'restart':
          await this.#restart();
          return;
        case 'claim': {
          const { message } = await this.claim();
          if (message !== undefined) await this.settle(message, one.then);
          return;
        }
      }
    }

    async claim(options: Readonly<{ quietUntil?: Date }> = {}): Promise<Claim> {
      const { messages } = this.#store.repositories;
      const claim = await messages.claim(this.#lease, { limits, gapMs, maxAttempts: 3, ...options });
      if (claim.message !== undefined) {
        const { phone, text } = claim.message;
        const first = !this.sent.some((earlier) => earlier.phone === phone);
        const atMs = this.#time.nowMs();
        this.sent.push({
          atMs,
          phone,
          text,
          first,
          halved: atMs < this.#halvedUntilMs,
          held: atMs < this.#heldUntilMs,
        });
      }
      return claim;
    }

    waitMs(claim: Claim): number {
      return claim.message !== undefined ? 0 : (claim.dueAt?.getTime() ?? Infinity) - Date.now();
    }

    async settle(
      message: NonNullable<Claim['message']>,
      then: Extract<Step, { what: 'claim' }>['then'],
    ): Promise<void> {
      const { messages } = this.#store.repositories;
      const { id, whatsappMessageId } = message;
      if (then === 'crash') return await this.#restart();
      if (then === 'nothing left') {
        await messages.release(this.#lease, id, 5_000);
        this.sent.pop();
        return;
      }
      await messages.handedOver(this.#lease, id);
      if (then === 'ack') {
        await messages.advance(this.companyId, whatsappMessageId, 'sent');
        return;
      }
      await messages.advance(this.companyId, whatsappMessageId, 'failed', then);
      this.#halvedUntilMs = this.#time.nowMs() + dayMs - minuteMs;
      if (then === '463') this.#heldUntilMs = this.#halvedUntilMs;
    }

    /** Sends what is left; whatever may go must be given at the time that was named for it. */
    async drain(): Promise<void> {
      for (let round = 0; round < 400; round += 1) {
        const claim = await this.claim();
        if (claim.message !== undefined) await this.settle(claim.message, 'ack');
        else if (claim.dueAt === undefined) break;
        else await this.#time.pass(Math.max(claim.dueAt.getTime() - Date.now(), 0) + 50);
      }
      expect(await this.#waiting()).toBe(0);
    }

    async reconnect(): Promise<void> {
      await this.#time.forget('connecting');
      await this.#store.repositories.companies.recordSession(this.companyId, { state: 'connected' });
    }

    async setStatus(status: 'frozen' | 'active'): Promise<void> {
      await this.#time.setIntegrationStatus(status);
    }

    async #enqueue(phone: string): Promise<void> {
      const text = `text ${(this.#texts += 1)}`;
      await this.#store.repositories.messages.enqueue(newMessage(this.companyId, { phone, text }), 'test');
      this.enqueued.set(phone, [...(this.enqueued.get(phone) ?? []), text]);
    }

    async #restart(): Promise<void> {
      const { leases } = this.#store.repositories;
      await leases.release(this.#lease);
      const lease = await leases.acquire(this.companyId, 'owner', dayMs);
      if (lease === undefined) throw new Error('No lease');
      this.#lease = lease;
      // As the outbox does before it claims.
      await this.#store.repositories.messages.giveUpWaiting(lease, { ackTimeoutMs: dayMs, maxAttempts: 3 });
    }

    async #waiting(): Promise<number> {
      const rows = await this.#store.database.sql.transaction((session) =>
        session.query(
          `select count(*)::int as waiting from messages where company_id = $1 and status = 'queued'`,
          [this.companyId],
        ),
      );
      return Number(rows[0]?.['waiting']);
    }
  }
});

/** A tick of the real clock passes between a claim and our note of it. */
const toleranceMs = 250;

function assertWithinLimits(sent: readonly Sent[]): void {
  const windows = [
    [limits.perMinute, minuteMs],
    [limits.perHour, hourMs],
    [limits.perDay, dayMs],
  ] as const;
  for (const [limit, windowMs] of windows) {
    for (const last of sent) {
      const inWindow = sent.filter(
        ({ atMs }) => atMs <= last.atMs && atMs > last.atMs - windowMs + toleranceMs,
      );
      const allowed = last.halved ? Math.max(Math.floor(limit / 2), 1) : limit;
      expect(inWindow.length, `${windowMs} ms`).toBeLessThanOrEqual(allowed);
    }
  }
  for (const [index, { atMs }] of sent.entries()) {
    const before = sent[index - 1];
    if (before !== undefined) expect(atMs - before.atMs).toBeGreaterThan(gapMs - toleranceMs);
  }
  const firsts = sent.filter(({ first }) => first);
  expect(firsts.filter(({ held }) => held)).toEqual([]);
  for (const { atMs: end } of firsts) {
    const inDay = firsts.filter(({ atMs }) => atMs <= end && atMs > end - dayMs + toleranceMs);
    expect(inDay.length).toBeLessThanOrEqual(limits.warmUpFirstContactsPerDay);
  }
}

/** A message that was interrupted may come again right then, and never later than one that was wanted after it. */
function assertInOrder(sent: readonly Sent[], enqueued: ReadonlyMap<string, readonly string[]>): void {
  for (const [phone, texts] of enqueued) {
    const got = sent.filter((one) => one.phone === phone).map(({ text }) => text);
    const once = got.filter((text, index) => text !== got[index - 1]);
    expect(once).toEqual(texts.filter((text) => once.includes(text)));
  }
}
