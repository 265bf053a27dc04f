import type { CompanyId } from '../../../src/domain/ids.ts';
import type { Claim } from '../../../src/ports/message-ports.ts';
import type { Lease } from '../../../src/ports/ports.ts';
import { gapMs, limits, maxAttempts, PaceModel, type Sent, toleranceMs } from './pacing-model.ts';
import { type Outcome, peopleCount, type Step } from './pacing-commands.ts';
import { newMessage, registeredCompany, type useStore } from '../fixtures/storage.ts';
import { TimeTraveller } from '../clock/fake-clock.ts';

const dayMs = 24 * 60 * 60_000;
const retryAfterMs = 30_000;

type Store = ReturnType<typeof useStore>;

/** The outbox of one number, in a time that passes only when it is told to. */
export class PacedNumber {
  readonly companyId: CompanyId;
  /** Claims that gave nothing although something might have gone. */
  readonly heldBack: string[] = [];
  readonly #refusals = new Map<string, number>();
  readonly #store: Store;
  readonly #time: TimeTraveller;
  readonly #model: PaceModel;
  readonly #people: readonly string[];
  #lease: Lease;

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
    this.#model = new PaceModel(time.nowMs());
    this.companyId = lease.companyId;
    this.#people = Array.from(
      { length: peopleCount },
      (_, index) => `+7900${String(index).padStart(7, '0')}`,
    );
  }

  get sent(): readonly Sent[] {
    return this.#model.sent;
  }

  /** Texts that WhatsApp refused more than twice. */
  get looping(): readonly string[] {
    return [...this.#refusals].filter(([, times]) => times > 2).map(([text]) => text);
  }

  /** The person writes to the salon. */
  async hears(person: number): Promise<void> {
    const phone = this.#people[person] ?? '';
    await this.#store.repositories.contacts.received(this.companyId, phone);
    this.#model.chats(phone);
  }

  async take(one: Step): Promise<void> {
    switch (one.what) {
      case 'enqueue':
        await this.enqueue(one.person, one.urgent, one.lifetimeMs);
        return;
      case 'pass':
        await this.#time.pass(one.ms);
        return;
      case 'restart':
        await this.#restart();
        return;
      case 'reconnect':
        await this.reconnect();
        return;
      case 'night':
        this.#model.nightUntilMs = this.#time.nowMs() + one.ms;
        return;
      case 'stop':
      case 'start':
        await this.#wish(one.what, one.person);
        return;
      case 'claim': {
        const { message } = await this.claim(one.gapMs);
        if (message !== undefined) await this.settle(message, one.outcome);
        return;
      }
    }
  }

  async enqueue(person: number, urgent = false, lifetimeMs = Infinity): Promise<void> {
    const phone = this.#people[person] ?? '';
    const nowMs = this.#time.nowMs();
    const { text } = this.#model.want(phone, urgent, nowMs + lifetimeMs, nowMs);
    const message = newMessage(this.companyId, {
      phone,
      text,
      heedsQuietHours: !urgent,
      ...(lifetimeMs < Infinity && { expiresAt: new Date(Date.now() + lifetimeMs) }),
    });
    await this.#store.repositories.messages.enqueue(message, 'test');
  }

  async claim(drawnGapMs = gapMs): Promise<Claim> {
    const { messages } = this.#store.repositories;
    await this.#giveUpWaiting();
    const mayGo = this.#model.mayGo(this.#time.nowMs());
    const nightMs = this.#model.nightUntilMs - this.#time.nowMs();
    const claim = await messages.claim(this.#lease, {
      limits,
      gapMs: drawnGapMs,
      maxAttempts,
      ...(nightMs > 0 && { quietUntil: new Date(Date.now() + nightMs) }),
    });
    if (claim.message !== undefined) this.#model.claimed(claim.message.text, drawnGapMs, this.#time.nowMs());
    else if (mayGo !== undefined) this.heldBack.push(mayGo.text);
    return claim;
  }

  async settle(message: NonNullable<Claim['message']>, outcome: Outcome): Promise<void> {
    const { messages } = this.#store.repositories;
    const { id, whatsappMessageId, text, attempts } = message;
    const wanted = this.#model.wanted.find((one) => one.text === text);
    if (wanted === undefined) throw new Error(`Nobody wanted ${text}`);
    if (outcome === 'crash') {
      wanted.state = attempts < maxAttempts ? 'interrupted' : 'over';
      return await this.#restart();
    }
    if (outcome === 'nothing left') {
      await messages.release(this.#lease, id, retryAfterMs);
      this.#model.putBack(wanted, this.#time.nowMs(), retryAfterMs);
      return;
    }
    await messages.handedOver(this.#lease, id);
    if (outcome === 'ack') {
      await messages.advance(this.companyId, whatsappMessageId, 'sent');
      this.#model.chats(wanted.phone);
      return;
    }
    const moved = await messages.advance(this.companyId, whatsappMessageId, 'failed', outcome);
    if (moved === undefined) throw new Error(`${text} was refused and did not move`);
    this.#refusals.set(text, (this.#refusals.get(text) ?? 0) + 1);
    this.#model.refused(wanted, outcome, moved.status !== 'queued', this.#time.nowMs());
  }

  /** Sends what is left; whatever may go must be given at the time that was named for it. */
  async drain(): Promise<void> {
    for (let round = 0; round < 400; round += 1) {
      const claim = await this.claim();
      if (claim.message !== undefined) {
        await this.settle(claim.message, 'ack');
        continue;
      }
      if (claim.dueInMs === undefined) break;
      // The named time is neither too late nor too early, as far as the real clock lets us tell.
      const isSteady =
        claim.dueInMs * 0.1 > toleranceMs && this.#model.staysAsItIs(this.#time.nowMs(), claim.dueInMs);
      await this.#time.pass(claim.dueInMs * 0.9);
      const early = await this.claim();
      if (early.message === undefined) {
        await this.#time.pass((early.dueInMs ?? 0) + 50);
        continue;
      }
      if (isSteady) this.heldBack.push(`${early.message.text} came before its time`);
      await this.settle(early.message, 'ack');
    }
    const left = this.#model.waiting(this.#time.nowMs()).map(({ text }) => text);
    if (left.length > 0) throw new Error(`Stuck: ${left.join(', ')}`);
  }

  async reconnect(): Promise<void> {
    await this.#time.forget('connecting');
    await this.#store.repositories.companies.recordSession(this.companyId, { state: 'connected' });
    this.#model.openedAtMs = this.#time.nowMs();
    this.#model.connectedAtMs = this.#time.nowMs() - dayMs;
  }

  async setStatus(status: 'frozen' | 'active'): Promise<void> {
    await this.#time.setIntegrationStatus(status);
  }

  async #restart(): Promise<void> {
    const { leases } = this.#store.repositories;
    await leases.release(this.#lease);
    const lease = await leases.acquire(this.companyId, 'owner', dayMs);
    if (lease === undefined) throw new Error('No lease');
    this.#lease = lease;
  }

  async #wish(what: 'stop' | 'start', person: number): Promise<void> {
    const { contacts } = this.#store.repositories;
    const phone = this.#people[person] ?? '';
    this.#model[what](phone);
    await (what === 'stop'
      ? contacts.optOut(this.companyId, phone, 'test')
      : contacts.optIn(this.companyId, phone, 'test'));
  }

  /** As the outbox does before it claims. */
  async #giveUpWaiting(): Promise<void> {
    const { messages } = this.#store.repositories;
    await messages.giveUpWaiting(this.#lease, { ackTimeoutMs: dayMs, maxAttempts });
  }
}
