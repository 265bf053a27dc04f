import { DEFAULT_CONNECTION_CONFIG } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import {
  ClientVersion,
  type ClientVersionNumber,
} from '../../../../src/whatsapp/connection/client-version.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';

const [major, minor, revision] = DEFAULT_CONNECTION_CONFIG.version;
const pinned: ClientVersionNumber = [major, minor, revision];
const newer: ClientVersionNumber = [major, minor, revision + 1];
const older: ClientVersionNumber = [major, minor, revision - 1];

/** Instances that share a stored version, and the version that WhatsApp serves. */
class Fleet {
  readonly log = captureLog();
  stored: ClientVersionNumber | undefined;
  served: ClientVersionNumber | undefined;
  failure: Error | undefined;
  fetchCount = 0;
  nowMs = 0;

  instance(configured?: ClientVersionNumber): ClientVersion {
    return new ClientVersion({
      configured,
      store: {
        read: async () => {
          if (this.failure !== undefined) throw this.failure;
          return this.stored;
        },
        save: async (version) => {
          if (this.failure !== undefined) throw this.failure;
          this.stored = version;
        },
      },
      fetchLatest: async () => {
        this.fetchCount += 1;
        return this.served;
      },
      report: createBusinessEvents(this.log, createMetrics()),
      monotonicMs: () => this.nowMs,
    });
  }

  get alerts(): readonly string[] {
    return this.log.lines.filter((line) => line.includes('"level":"error"'));
  }
}

describe('ClientVersion', () => {
  it("uses Baileys' version until WhatsApp refuses it, then the newer one", async () => {
    const fleet = new Fleet();
    const version = fleet.instance();
    await version.load();
    expect(version.current).toEqual(pinned);
    fleet.served = newer;
    await version.handleRefused(pinned);
    expect(version.current).toEqual(newer);
    expect(fleet.stored).toEqual(newer);
  });

  it('keeps the stored version after a restart unless Baileys has a newer one', async () => {
    const fleet = new Fleet();
    fleet.stored = newer;
    const version = fleet.instance();
    await version.load();
    expect(version.current).toEqual(newer);

    fleet.stored = older;
    const upgraded = fleet.instance();
    await upgraded.load();
    expect(upgraded.current).toEqual(pinned);
  });

  it('looks up once and alerts once when 300 sessions are refused at the same time', async () => {
    const fleet = new Fleet();
    fleet.served = newer;
    const version = fleet.instance();
    await Promise.all(Array.from({ length: 300 }, () => version.handleRefused(pinned)));
    expect(fleet.fetchCount).toBe(1);
    expect(fleet.alerts).toHaveLength(1);
    expect(version.current).toEqual(newer);
  });

  it('adopts a version found by another instance without a lookup', async () => {
    const fleet = new Fleet();
    const version = fleet.instance();
    fleet.stored = newer;
    await version.handleRefused(pinned);
    expect(version.current).toEqual(newer);
    expect(fleet.fetchCount).toBe(0);
  });

  it('keeps its version while WhatsApp serves no newer one, and limits the lookups', async () => {
    const fleet = new Fleet();
    const version = fleet.instance();
    for (const minutes of [0, 1, 2, 3, 4, 6]) {
      fleet.nowMs = minutes * 60_000;
      fleet.served = older;
      await version.handleRefused(pinned);
    }
    expect(version.current).toEqual(pinned);
    expect(fleet.fetchCount).toBe(2);
    expect(fleet.alerts).toHaveLength(1);
    fleet.nowMs += 3 * 60 * 60_000;
    await version.handleRefused(pinned);
    expect(fleet.alerts).toHaveLength(2);
  });

  it('never replaces a configured version, and the alert says so', async () => {
    const fleet = new Fleet();
    fleet.stored = newer;
    fleet.served = newer;
    const version = fleet.instance(older);
    await version.load();
    await version.handleRefused(older);
    expect(version.current).toEqual(older);
    expect(fleet.fetchCount).toBe(0);
    expect(fleet.alerts).toHaveLength(1);
    expect(fleet.alerts[0]).toContain('pinned by WHATSAPP_VERSION');
  });

  it("uses Baileys' version while the database is down", async () => {
    const fleet = new Fleet();
    fleet.failure = new Error('down');
    const version = fleet.instance();
    await version.load();
    await version.handleRefused(pinned);
    expect(version.current).toEqual(pinned);
  });
});
