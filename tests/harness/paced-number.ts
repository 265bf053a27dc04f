import { constant, constantFrom, integer, nat, oneof, record, type Arbitrary } from 'fast-check';
import type { CompanyId } from '../../src/domain/ids.ts';
import type { PaceLimits } from '../../src/domain/pacing.ts';
import type { Claim } from '../../src/marketplace/message-ports.ts';
import type { Lease } from '../../src/marketplace/ports.ts';
import { newMessage, registeredCompany, type useStore } from './storage.ts';
import { TimeTraveller } from './time-traveller.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export const limits: PaceLimits = {
  perMinute: 3,
  perHour: 8,
  perDay: 20,
  firstContactsPerDay: 4,
  warmUpFirstContactsPerDay: 2,
  warmUpDays: 10,
  rampMs: minuteMs,
};
export const gapMs = 4_000;

export type Sent = Readonly<{
  atMs: number;
  phone: string;
  text: string;
  first: boolean;
  halved: boolean;
  held: boolean;
}>;

/** What may happen to an outbox, in any order. */
export type Step =
  | Readonly<{ what: 'enqueue'; person: number }>
  | Readonly<{ what: 'pass'; ms: number }>
  | Readonly<{ what: 'claim'; outcome: 'ack' | '463' | '429' | 'nothing left' | 'crash' }>
  | Readonly<{ what: 'restart' }>;

export const step: Arbitrary<Step> = oneof(
  { weight: 4, arbitrary: record({ what: constant('enqueue' as const), person: nat(6) }) },
  {
    weight: 4,
    arbitrary: record({
      what: constant('pass' as const),
      ms: oneof(integer({ min: 500, max: 20_000 }), integer({ min: 20_000, max: 2 * hourMs })),
    }),
  },
  {
    weight: 8,
    arbitrary: record({
      what: constant('claim' as const),
      outcome: oneof(
        { weight: 12, arbitrary: constant('ack' as const) },
        { weight: 1, arbitrary: constantFrom('463' as const, '429' as const) },
        { weight: 2, arbitrary: constantFrom('nothing left' as const, 'crash' as const) },
      ),
    }),
  },
  { weight: 1, arbitrary: record({ what: constant('restart' as const) }) },
);

type Store = ReturnType<typeof useStore>;

/** The outbox of one number, in a time that passes only when it is told to. */
export class PacedNumber {
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
        if (message !== undefined) await this.settle(message, one.outcome);
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
    outcome: Extract<Step, { what: 'claim' }>['outcome'],
  ): Promise<void> {
    const { messages } = this.#store.repositories;
    const { id, whatsappMessageId } = message;
    if (outcome === 'crash') return await this.#restart();
    if (outcome === 'nothing left') {
      await messages.release(this.#lease, id, 5_000);
      this.sent.pop();
      return;
    }
    await messages.handedOver(this.#lease, id);
    if (outcome === 'ack') {
      await messages.advance(this.companyId, whatsappMessageId, 'sent');
      return;
    }
    await messages.advance(this.companyId, whatsappMessageId, 'failed', outcome);
    this.#halvedUntilMs = this.#time.nowMs() + dayMs - minuteMs;
    if (outcome === '463') this.#heldUntilMs = this.#halvedUntilMs;
  }

  /** Sends what is left; whatever may go must be given at the time that was named for it. */
  async drain(): Promise<void> {
    for (let round = 0; round < 400; round += 1) {
      const claim = await this.claim();
      if (claim.message !== undefined) await this.settle(claim.message, 'ack');
      else if (claim.dueAt === undefined) break;
      else await this.#time.pass(Math.max(claim.dueAt.getTime() - Date.now(), 0) + 50);
    }
    const waiting = await this.#waiting();
    if (waiting > 0) throw new Error(`${waiting} messages are stuck`);
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
