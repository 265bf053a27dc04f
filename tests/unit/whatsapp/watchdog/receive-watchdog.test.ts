import { EventEmitter } from 'node:events';
import type { WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { type CompanyId, companyIdFrom } from '../../../../src/domain/ids.ts';
import { ReceiveWatchdog } from '../../../../src/whatsapp/watchdog/receive-watchdog.ts';
import { companyWith } from '../../../support/fixtures/test-companies.ts';
import { seededRandom } from '../../../support/fixtures/seeded-random.ts';
import type { MarketplaceEvent } from '../../../../src/ports/events.ts';
import type { WhatsAppEvents } from '../../../../src/ports/sessions.ts';

const sweepMs = 30_000;
const hourMs = 3_600_000;
const openingTime = new Date('2026-03-10T06:00:00Z');

/** Sessions whose sockets are open and say nothing, on a clock that the test moves. */
class DeafFleet extends EventEmitter<WhatsAppEvents> {
  readonly companies: CompanyId[];
  readonly renewed: CompanyId[] = [];
  readonly events: MarketplaceEvent[] = [];
  readonly actions: { action: string; companyId: CompanyId; sweep: number }[] = [];
  readonly watch: ReceiveWatchdog;
  timeZone: () => Promise<string | undefined> = async () => 'Europe/Moscow';
  /** What WhatsApp sends at a login. */
  backlog = false;
  probes = 0;
  failures = 0;
  #sockets = new Map<CompanyId, WASocket>();
  #elapsedMs = 0;
  #sweep = 0;

  constructor(size: number) {
    super();
    this.companies = Array.from({ length: size }, (_, index) => companyIdFrom(index + 1));
    this.watch = new ReceiveWatchdog({
      whatsapp: this,
      companies: { byId: async (id) => ({ ...companyWith(id), timeZone: await this.timeZone() }) },
      events: { record: async (event) => void this.events.push(event) },
      report: {
        watchdogAction: (companyId, action) => this.actions.push({ action, companyId, sweep: this.#sweep }),
        failed: () => {
          this.failures += 1;
        },
      },
      now: () => new Date(openingTime.getTime() + this.#elapsedMs),
      monotonicMs: () => this.#elapsedMs,
      random: seededRandom(19),
    });
    for (const companyId of this.companies) this.#open(companyId);
  }

  /** The first of them. */
  get companyId(): CompanyId {
    return companyIdFrom(1);
  }

  getActiveSessions() {
    const status = { state: 'connected', since: openingTime } as const;
    return this.companies.map((companyId) => ({ companyId, status }));
  }

  getOpenSocket(companyId: CompanyId): WASocket | undefined {
    return this.#sockets.get(companyId);
  }

  dropSocket(companyId: CompanyId): void {
    this.renewed.push(companyId);
    this.drop(companyId);
  }

  /** The connection is lost; another is open at the next sweep. */
  drop(companyId: CompanyId): void {
    this.#sockets.delete(companyId);
  }

  acknowledge(companyId: CompanyId, whatsappMessageId: string): void {
    this.emit('message-status', companyId, { whatsappMessageId, status: 'sent' });
  }

  async pass(ms: number): Promise<void> {
    for (const endMs = this.#elapsedMs + ms; this.#elapsedMs < endMs; this.#elapsedMs += sweepMs) {
      this.#sweep += 1;
      for (const companyId of this.companies) if (!this.#sockets.has(companyId)) this.#open(companyId);
      await this.watch.sweep();
    }
  }

  /** The most that any sweep did of this. */
  busiest(action: string): number {
    const sweeps = Map.groupBy(
      this.actions.filter((entry) => entry.action === action),
      ({ sweep }) => sweep,
    );
    return Math.max(0, ...[...sweeps.values()].map(({ length }) => length));
  }

  #open(companyId: CompanyId): void {
    this.#sockets.set(companyId, {
      ws: { isClosing: false },
      authState: { creds: { me: { id: '79031112233:1@s.whatsapp.net' } } },
      query: async () => ({}),
      sendPeerDataOperationMessage: async () => {
        this.probes += 1;
        this.acknowledge(companyId, `PROBE${this.probes}`);
      },
    } as unknown as WASocket);
    this.emit('connected', companyId, { phone: '+79031112233', firstTime: false });
    if (this.backlog) this.emit('inbound', companyId);
  }
}

describe('300 sessions that fall deaf at once', () => {
  it('are probed and reopened a few at a time, each once, with one alert each', async () => {
    const fleet = new DeafFleet(300);
    await fleet.pass(1.9 * hourMs);
    expect(fleet.actions).toEqual([]);
    await fleet.pass(5 * hourMs);

    expect(fleet.busiest('probe')).toBeLessThanOrEqual(10);
    expect(fleet.busiest('renew')).toBe(2);
    expect(fleet.renewed.toSorted((left, right) => left - right)).toEqual(fleet.companies);
    expect(fleet.probes).toBe(600);
    expect(fleet.events.map(({ type }) => type)).toEqual(Array.from({ length: 300 }, () => 'whatsapp_deaf'));
    expect(new Set(fleet.events.map(({ companyId }) => companyId)).size).toBe(300);
    expect(fleet.watch.alertedSessionCount).toBe(300);
  });
});

describe('a deaf session', () => {
  it('is told of again after a day, and not sooner', async () => {
    const fleet = new DeafFleet(1);
    await fleet.pass(24 * hourMs);
    expect(fleet.events).toHaveLength(1);
    await fleet.pass(12 * hourMs);
    expect(fleet.events).toHaveLength(2);
    expect(fleet.renewed).toHaveLength(2);
  });

  it('that hears something at each login and then nothing has one new socket and one alert in a working day', async () => {
    const fleet = new DeafFleet(1);
    const { companyId } = fleet;
    fleet.backlog = true;
    await fleet.pass(6 * hourMs);
    fleet.drop(companyId);
    await fleet.pass(6 * hourMs);
    expect(fleet.renewed).toHaveLength(1);
    expect(fleet.events.map(({ type }) => type)).toEqual(['whatsapp_deaf']);
    expect(fleet.watch.alertedSessionCount).toBe(1);

    fleet.emit('inbound', companyId);
    await fleet.pass(sweepMs);
    expect(fleet.events.map(({ type }) => type)).toEqual(['whatsapp_deaf', 'whatsapp_hears_again']);
    expect(fleet.watch.alertedSessionCount).toBe(0);
  });

  it('that a new socket cures is no event: nobody was told of it', async () => {
    const fleet = new DeafFleet(1);
    const { companyId } = fleet;
    while (fleet.renewed.length === 0) await fleet.pass(sweepMs);
    await fleet.pass(3 * sweepMs);
    fleet.emit('inbound', companyId);
    await fleet.pass(sweepMs);
    expect(fleet.actions.at(-1)).toMatchObject({ action: 'recovered' });
    expect(fleet.events).toEqual([]);
  });

  it('that was unlinked is forgotten', async () => {
    const fleet = new DeafFleet(1);
    await fleet.pass(6 * hourMs);
    expect(fleet.watch.alertedSessionCount).toBe(1);
    fleet.companies.pop();
    await fleet.pass(sweepMs);
    expect(fleet.watch.alertedSessionCount).toBe(0);
  });

  it('waits while its time zone cannot be asked for, which is told once a sweep', async () => {
    const fleet = new DeafFleet(2);
    fleet.timeZone = () => Promise.reject(new Error('The database is gone'));
    await fleet.pass(6 * hourMs);
    expect(fleet.actions).toEqual([]);
    expect(fleet.failures).toBeLessThan((4 * hourMs) / sweepMs + 1);
    fleet.companies.pop();
    fleet.timeZone = async () => undefined;
    await fleet.pass(hourMs);
    expect(fleet.actions.map(({ action }) => action)).toEqual(['probe', 'renew', 'probe', 'alert']);
  });
});

describe('a session whose phone is switched off, and that had no acknowledgement for a minute,', () => {
  async function suspected(): Promise<{ fleet: DeafFleet; companyId: CompanyId }> {
    const fleet = new DeafFleet(1);
    const { companyId } = fleet;
    await fleet.pass(4 * sweepMs);
    for (const id of ['A1', 'A2', 'A3']) fleet.emit('message-dispatched', companyId, id);
    await fleet.pass(3 * sweepMs);
    expect(fleet.actions.map(({ action }) => action)).toEqual(['probe']);
    return { fleet, companyId };
  }

  it('keeps its socket when they come late', async () => {
    const { fleet, companyId } = await suspected();
    for (const id of ['A1', 'A2', 'A3']) fleet.acknowledge(companyId, id);
    await fleet.pass(hourMs);
    expect(fleet.actions.map(({ action }) => action)).toEqual(['probe', 'answered']);
    expect(fleet.renewed).toEqual([]);
  });

  it('gets a new one when only the probe is acknowledged', async () => {
    const { fleet, companyId } = await suspected();
    await fleet.pass(3 * sweepMs);
    expect(fleet.renewed).toEqual([companyId]);
  });

  it('is not suspected when the acknowledgements overtook the news that the messages left', async () => {
    const fleet = new DeafFleet(1);
    const { companyId } = fleet;
    for (const id of ['A1', 'A2', 'A3']) {
      fleet.acknowledge(companyId, id);
      fleet.emit('message-dispatched', companyId, id);
    }
    await fleet.pass(hourMs);
    expect(fleet.actions).toEqual([]);
  });
});
