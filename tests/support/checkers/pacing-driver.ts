import type { CompanyId } from '../../../src/domain/ids.ts';
import type { MessageClaim } from '../../../src/ports/messages.ts';
import type { Lease } from '../../../src/ports/sessions.ts';
import { FakeClock } from '../clock/fake-clock.ts';
import { newMessage, registerCompany, type useStore } from '../fixtures/storage.ts';
import { type Outcome, clientCount, type PacingCommand } from './pacing-commands.ts';
import { gapMs, limits, maxAttempts, PaceModel, type Sent, toleranceMs } from './pacing-model.ts';

const dayMs = 24 * 60 * 60_000;
const retryAfterMs = 30_000;

type Store = ReturnType<typeof useStore>;

/** Drives the outbox of one number with simulated time. */
export class PacingDriver {
  readonly companyId: CompanyId;
  /** Claims that returned nothing although a message was due. */
  readonly withheld: string[] = [];
  readonly #rejections = new Map<string, number>();
  readonly #store: Store;
  readonly #clock: FakeClock;
  readonly #model: PaceModel;
  readonly #phones: readonly string[];
  #lease: Lease;

  static async open(store: Store): Promise<PacingDriver> {
    const { id } = await registerCompany(store.repositories);
    const time = new FakeClock(store.database, id);
    await time.backdateSessionState('connected');
    const lease = await store.repositories.leases.acquire(id, 'owner', dayMs);
    if (lease === undefined) throw new Error('No lease');
    return new PacingDriver(store, time, lease);
  }

  constructor(store: Store, time: FakeClock, lease: Lease) {
    this.#store = store;
    this.#clock = time;
    this.#lease = lease;
    this.#model = new PaceModel(time.nowMs());
    this.companyId = lease.companyId;
    this.#phones = Array.from(
      { length: clientCount },
      (_, index) => `+7900${String(index).padStart(7, '0')}`,
    );
  }

  get sent(): readonly Sent[] {
    return this.#model.sent;
  }

  /** Texts that WhatsApp refused more than twice. */
  get repeatedlyRejected(): readonly string[] {
    return [...this.#rejections].filter(([, times]) => times > 2).map(([text]) => text);
  }

  /** The client writes to the salon. */
  async receiveFrom(person: number): Promise<void> {
    const phone = this.#phones[person] ?? '';
    await this.#store.repositories.contacts.received(this.companyId, phone);
    this.#model.recordChat(phone);
  }

  async execute(one: PacingCommand): Promise<void> {
    switch (one.what) {
      case 'enqueue':
        await this.enqueue(one.person, one.urgent, one.lifetimeMs);
        return;
      case 'pass':
        await this.#clock.advance(one.ms);
        return;
      case 'restart':
        await this.#restart();
        return;
      case 'reconnect':
        await this.reconnect();
        return;
      case 'night':
        this.#model.quietUntilMs = this.#clock.nowMs() + one.ms;
        return;
      case 'stop':
      case 'start':
        await this.#setOptOut(one.what, one.person);
        return;
      case 'claim': {
        const { message } = await this.claim(one.gapMs);
        if (message !== undefined) await this.settle(message, one.outcome);
        return;
      }
    }
  }

  async enqueue(person: number, urgent = false, lifetimeMs = Infinity): Promise<void> {
    const phone = this.#phones[person] ?? '';
    const nowMs = this.#clock.nowMs();
    const { text } = this.#model.enqueue(phone, urgent, nowMs + lifetimeMs, nowMs);
    const message = newMessage(this.companyId, {
      phone,
      text,
      respectsQuietHours: !urgent,
      ...(lifetimeMs < Infinity && { expiresAt: new Date(Date.now() + lifetimeMs) }),
    });
    await this.#store.repositories.messages.enqueue(message, 'test');
  }

  async claim(drawnGapMs = gapMs): Promise<MessageClaim> {
    const { messages } = this.#store.repositories;
    await this.#expireUnacknowledged();
    const sendable = this.#model.nextSendable(this.#clock.nowMs());
    const quietMs = this.#model.quietUntilMs - this.#clock.nowMs();
    const claim = await messages.claim(this.#lease, {
      limits,
      gapMs: drawnGapMs,
      maxAttempts,
      ...(quietMs > 0 && { quietUntil: new Date(Date.now() + quietMs) }),
    });
    if (claim.message !== undefined)
      this.#model.recordClaim(claim.message.text, drawnGapMs, this.#clock.nowMs());
    else if (sendable !== undefined) this.withheld.push(sendable.text);
    return claim;
  }

  async settle(message: NonNullable<MessageClaim['message']>, outcome: Outcome): Promise<void> {
    const { messages } = this.#store.repositories;
    const { id, whatsappMessageId, text, attempts } = message;
    const wanted = this.#model.queued.find((one) => one.text === text);
    if (wanted === undefined) throw new Error(`Unknown message ${text}`);
    if (outcome === 'crash') {
      wanted.state = attempts < maxAttempts ? 'interrupted' : 'over';
      return await this.#restart();
    }
    if (outcome === 'not sent') {
      await messages.release(this.#lease, id, retryAfterMs);
      this.#model.reschedule(wanted, this.#clock.nowMs(), retryAfterMs);
      return;
    }
    await messages.markDispatched(this.#lease, id);
    if (outcome === 'ack') {
      await messages.advance(this.companyId, whatsappMessageId, 'sent');
      this.#model.recordChat(wanted.phone);
      return;
    }
    const advanced = await messages.advance(this.companyId, whatsappMessageId, 'failed', outcome);
    if (advanced === undefined) throw new Error(`${text} was rejected without a status change`);
    this.#rejections.set(text, (this.#rejections.get(text) ?? 0) + 1);
    this.#model.recordRejection(wanted, outcome, advanced.status !== 'queued', this.#clock.nowMs());
  }

  /** Sends the remaining messages; each must be claimable at its announced time. */
  async drain(): Promise<void> {
    for (let round = 0; round < 400; round += 1) {
      const claim = await this.claim();
      if (claim.message !== undefined) {
        await this.settle(claim.message, 'ack');
        continue;
      }
      if (claim.dueInMs === undefined) break;
      // The announced time is exact, within the resolution of the real clock.
      const isStable =
        claim.dueInMs * 0.1 > toleranceMs && this.#model.isStable(this.#clock.nowMs(), claim.dueInMs);
      await this.#clock.advance(claim.dueInMs * 0.9);
      const early = await this.claim();
      if (early.message === undefined) {
        await this.#clock.advance((early.dueInMs ?? 0) + 50);
        continue;
      }
      if (isStable) this.withheld.push(`${early.message.text} came before its time`);
      await this.settle(early.message, 'ack');
    }
    const remaining = this.#model.pending(this.#clock.nowMs()).map(({ text }) => text);
    if (remaining.length > 0) throw new Error(`Stuck: ${remaining.join(', ')}`);
  }

  async reconnect(): Promise<void> {
    await this.#clock.backdateSessionState('connecting');
    await this.#store.repositories.companies.recordSession(this.companyId, { state: 'connected' });
    this.#model.openedAtMs = this.#clock.nowMs();
    this.#model.connectedAtMs = this.#clock.nowMs() - dayMs;
  }

  async setStatus(status: 'frozen' | 'active'): Promise<void> {
    await this.#clock.setIntegrationStatus(status);
  }

  async #restart(): Promise<void> {
    const { leases } = this.#store.repositories;
    await leases.release(this.#lease);
    const lease = await leases.acquire(this.companyId, 'owner', dayMs);
    if (lease === undefined) throw new Error('No lease');
    this.#lease = lease;
  }

  async #setOptOut(what: 'stop' | 'start', person: number): Promise<void> {
    const { contacts } = this.#store.repositories;
    const phone = this.#phones[person] ?? '';
    this.#model[what](phone);
    await (what === 'stop'
      ? contacts.optOut(this.companyId, phone, 'test')
      : contacts.optIn(this.companyId, phone, 'test'));
  }

  /** The outbox does this before each claim. */
  async #expireUnacknowledged(): Promise<void> {
    const { messages } = this.#store.repositories;
    await messages.expireUnacknowledged(this.#lease, { ackTimeoutMs: dayMs, maxAttempts });
  }
}
