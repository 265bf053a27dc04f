import { EventEmitter } from 'node:events';
import type { WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { type CompanyId, companyIdFrom } from '../../../../src/domain/ids.ts';
import type { MarketplaceEvent } from '../../../../src/ports/events.ts';
import type { WhatsAppEvents } from '../../../../src/ports/sessions.ts';
import { ReceiveWatchdog } from '../../../../src/whatsapp/watchdog/receive-watchdog.ts';
import { seededRandom } from '../../../support/fixtures/seeded-random.ts';
import { companyWith } from '../../../support/fixtures/test-companies.ts';

const sweepMs = 30_000;
const hourMs = 3_600_000;
const openingTime = new Date('2026-03-10T06:00:00Z');

/** Sessions with open sockets that receive nothing, on a clock that the test advances. */
class SilentFleet extends EventEmitter<WhatsAppEvents> {
  readonly companies: CompanyId[];
  readonly renewed: CompanyId[] = [];
  readonly events: MarketplaceEvent[] = [];
  readonly actions: { action: string; companyId: CompanyId; sweep: number }[] = [];
  readonly watchdog: ReceiveWatchdog;
  timeZone: () => Promise<string | undefined> = async () => 'Europe/Moscow';
  /** Whether each new socket receives a stanza right after login. */
  hasOfflineQueue = false;
  probes = 0;
  failures = 0;
  #sockets = new Map<CompanyId, WASocket>();
  #elapsedMs = 0;
  #sweep = 0;

  constructor(size: number) {
    super();
    this.companies = Array.from({ length: size }, (_, index) => companyIdFrom(index + 1));
    this.watchdog = new ReceiveWatchdog({
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

  /** The first company. */
  get companyId(): CompanyId {
    return companyIdFrom(1);
  }

  getActiveSessions() {
    const status = { state: 'connected', since: openingTime } as const;
    return this.companies.map((companyId) => ({ companyId, status }));
  }

  getConnectedSocket(companyId: CompanyId): WASocket | undefined {
    return this.#sockets.get(companyId);
  }

  dropSocket(companyId: CompanyId): void {
    this.renewed.push(companyId);
    this.closeSocket(companyId);
  }

  /** The session opens a new socket before the next sweep. */
  closeSocket(companyId: CompanyId): void {
    this.#sockets.delete(companyId);
  }

  acknowledge(companyId: CompanyId, whatsappMessageId: string): void {
    this.emit('message-status', companyId, { whatsappMessageId, status: 'sent' });
  }

  async advance(ms: number): Promise<void> {
    for (const endMs = this.#elapsedMs + ms; this.#elapsedMs < endMs; this.#elapsedMs += sweepMs) {
      this.#sweep += 1;
      for (const companyId of this.companies) if (!this.#sockets.has(companyId)) this.#open(companyId);
      await this.watchdog.sweep();
    }
  }

  /** The largest number of these actions in one sweep. */
  maxPerSweep(action: string): number {
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
    if (this.hasOfflineQueue) this.emit('inbound', companyId);
  }
}

describe('300 sessions that stop receiving at once', () => {
  it('are probed and renewed a few per sweep, with one renewal and one alert each', async () => {
    const fleet = new SilentFleet(300);
    await fleet.advance(1.9 * hourMs);
    expect(fleet.actions).toEqual([]);
    await fleet.advance(5 * hourMs);

    expect(fleet.maxPerSweep('probe')).toBeLessThanOrEqual(10);
    expect(fleet.maxPerSweep('renew')).toBe(2);
    expect(fleet.renewed.toSorted((left, right) => left - right)).toEqual(fleet.companies);
    expect(fleet.probes).toBe(600);
    expect(fleet.events.map(({ type }) => type)).toEqual(Array.from({ length: 300 }, () => 'whatsapp_deaf'));
    expect(new Set(fleet.events.map(({ companyId }) => companyId)).size).toBe(300);
    expect(fleet.watchdog.alertedSessionCount).toBe(300);
  });
});

describe('a session that receives nothing', () => {
  it('is alerted again after a day and not earlier', async () => {
    const fleet = new SilentFleet(1);
    await fleet.advance(24 * hourMs);
    expect(fleet.events).toHaveLength(1);
    await fleet.advance(12 * hourMs);
    expect(fleet.events).toHaveLength(2);
    expect(fleet.renewed).toHaveLength(2);
  });

  it('gets one renewal and one alert a day when only its offline queue arrives', async () => {
    const fleet = new SilentFleet(1);
    const { companyId } = fleet;
    fleet.hasOfflineQueue = true;
    await fleet.advance(6 * hourMs);
    fleet.closeSocket(companyId);
    await fleet.advance(6 * hourMs);
    expect(fleet.renewed).toHaveLength(1);
    expect(fleet.events.map(({ type }) => type)).toEqual(['whatsapp_deaf']);
    expect(fleet.watchdog.alertedSessionCount).toBe(1);

    fleet.emit('inbound', companyId);
    await fleet.advance(sweepMs);
    expect(fleet.events.map(({ type }) => type)).toEqual(['whatsapp_deaf', 'whatsapp_hears_again']);
    expect(fleet.watchdog.alertedSessionCount).toBe(0);
  });

  it('records no event when it recovers after the renewal', async () => {
    const fleet = new SilentFleet(1);
    const { companyId } = fleet;
    while (fleet.renewed.length === 0) await fleet.advance(sweepMs);
    await fleet.advance(3 * sweepMs);
    fleet.emit('inbound', companyId);
    await fleet.advance(sweepMs);
    expect(fleet.actions.at(-1)).toMatchObject({ action: 'recovered' });
    expect(fleet.events).toEqual([]);
  });

  it('is no longer counted once it is unlinked', async () => {
    const fleet = new SilentFleet(1);
    await fleet.advance(6 * hourMs);
    expect(fleet.watchdog.alertedSessionCount).toBe(1);
    fleet.companies.pop();
    await fleet.advance(sweepMs);
    expect(fleet.watchdog.alertedSessionCount).toBe(0);
  });

  it('is not probed while its time zone cannot be loaded, and each sweep reports one failure', async () => {
    const fleet = new SilentFleet(2);
    fleet.timeZone = () => Promise.reject(new Error('The database is unavailable'));
    await fleet.advance(6 * hourMs);
    expect(fleet.actions).toEqual([]);
    expect(fleet.failures).toBeLessThan((4 * hourMs) / sweepMs + 1);
    fleet.companies.pop();
    fleet.timeZone = async () => undefined;
    await fleet.advance(hourMs);
    expect(fleet.actions.map(({ action }) => action)).toEqual(['probe', 'renew', 'probe', 'alert']);
  });
});

describe('a session with three messages unacknowledged for a minute and its phone switched off', () => {
  async function openProbed(): Promise<{ fleet: SilentFleet; companyId: CompanyId }> {
    const fleet = new SilentFleet(1);
    const { companyId } = fleet;
    await fleet.advance(4 * sweepMs);
    for (const id of ['A1', 'A2', 'A3']) fleet.emit('message-dispatched', companyId, id);
    await fleet.advance(3 * sweepMs);
    expect(fleet.actions.map(({ action }) => action)).toEqual(['probe']);
    return { fleet, companyId };
  }

  it('keeps its socket when the acks arrive late', async () => {
    const { fleet, companyId } = await openProbed();
    for (const id of ['A1', 'A2', 'A3']) fleet.acknowledge(companyId, id);
    await fleet.advance(hourMs);
    expect(fleet.actions.map(({ action }) => action)).toEqual(['probe', 'answered']);
    expect(fleet.renewed).toEqual([]);
  });

  it('gets a new socket when only the probe is acknowledged', async () => {
    const { fleet, companyId } = await openProbed();
    await fleet.advance(3 * sweepMs);
    expect(fleet.renewed).toEqual([companyId]);
  });
});

it('a session whose acks arrive before the sends resolve is not probed', async () => {
  const fleet = new SilentFleet(1);
  const { companyId } = fleet;
  for (const id of ['A1', 'A2', 'A3']) {
    fleet.acknowledge(companyId, id);
    fleet.emit('message-dispatched', companyId, id);
  }
  await fleet.advance(hourMs);
  expect(fleet.actions).toEqual([]);
});
