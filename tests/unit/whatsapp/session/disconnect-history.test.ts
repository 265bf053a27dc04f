import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import { ClientVersion } from '../../../../src/whatsapp/connection/client-version.ts';
import {
  ReconnectScheduler,
  ReconnectRateLimiter,
} from '../../../../src/whatsapp/session/reconnect-scheduler.ts';
import { DisconnectHistory } from '../../../../src/whatsapp/session/disconnect-history.ts';
import { defaultTimeouts } from '../../../../src/whatsapp/timeouts.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';

/** The closes of one linked session, with a clock and a log. */
class Session {
  readonly log = captureLog();
  readonly metrics = createMetrics();
  readonly #closes: DisconnectHistory;
  #nowMs = 0;

  constructor() {
    const report = createBusinessEvents(this.log, this.metrics);
    const monotonicMs = () => this.#nowMs;
    const dependencies = {
      timeouts: defaultTimeouts,
      monotonicMs,
      random: () => 0.5,
      reconnectRateLimiter: new ReconnectRateLimiter(6, monotonicMs),
      report,
      clientVersion: new ClientVersion({
        configured: undefined,
        store: undefined,
        fetchLatest: undefined,
        report,
        monotonicMs,
      }),
    };
    const retries = new ReconnectScheduler(dependencies, () => undefined);
    this.#closes = new DisconnectHistory(companyIdFrom(7), dependencies, retries);
  }

  /** @param openForSeconds undefined: it was refused before it was open */
  closes(code: number, openForSeconds: number | undefined, afterSeconds = 1) {
    this.#nowMs += (afterSeconds + (openForSeconds ?? 0)) * 1_000;
    const connection = {
      auth: { isLinked: true },
      version: [2, 3000, 1] as const,
      wasOpen: openForSeconds !== undefined,
      openForMs: (openForSeconds ?? 0) * 1_000,
    };
    return this.#closes.decide(connection, { code, message: '', attributes: {} });
  }

  get errors(): readonly string[] {
    return this.log.lines.filter((line) => line.includes('"level":"error"'));
  }
}

describe('a session that flaps', () => {
  it('rests for minutes after six short connections in one, and that is told once', async () => {
    const session = new Session();
    const burst = () => [1, 2, 3, 4, 5, 6].map(() => session.closes(428, 2));
    expect(burst().map(({ next }) => next)).toEqual([
      ...Array.from({ length: 5 }, () => ({ action: 'reconnect' })),
      { action: 'retry', delayMs: 450_000 },
    ]);
    expect(burst().at(-1)).toMatchObject({ state: 'reconnecting', detail: 'flapping', credentials: 'keep' });
    expect(session.errors).toHaveLength(1);
    const metrics = await session.metrics.registry.metrics();
    expect(metrics).toContain('marketplace_whatsapp_alerts_total{cause="flapping"} 1');
    expect(metrics).toContain('marketplace_whatsapp_closes_total{code="428"} 12');
  });

  it('cannot hide behind ordered restarts', () => {
    const session = new Session();
    const closes = [1, 2, 3, 4, 5, 6].map(() => session.closes(515, undefined));
    expect(closes.map(({ next }) => next.action)).toEqual([...Array<string>(5).fill('restart'), 'retry']);
  });

  it('is not one that WhatsApp refuses, which backs off and is back when WhatsApp is', () => {
    const session = new Session();
    const closes = Array.from({ length: 20 }, () => session.closes(503, undefined));
    expect(closes.every(({ next }) => next.action === 'reconnect')).toBe(true);
    expect(session.errors).toEqual([]);
  });

  it('is not one whose connections hold for a minute', () => {
    const session = new Session();
    const closes = Array.from({ length: 20 }, () => session.closes(428, 60, 0));
    expect(closes.every(({ next }) => next.action === 'reconnect')).toBe(true);
  });
});

describe('a session that another program takes over', () => {
  it('is given up after five times in ten minutes, however long it was held in between', () => {
    const session = new Session();
    const closes = [1, 2, 3, 4, 5].map(() => session.closes(440, 70, 30));
    expect(closes.map(({ state }) => state)).toEqual([...Array<string>(4).fill('reconnecting'), 'conflict']);
    expect(session.errors).toHaveLength(1);
  });

  it('now and then is not given up', () => {
    const session = new Session();
    const closes = Array.from({ length: 10 }, () => session.closes(440, 150, 30));
    expect(closes.every(({ state }) => state === 'reconnecting')).toBe(true);
  });
});

describe('unknown errors', () => {
  it('alert at the fifth in a row; a connection that held begins the count anew', () => {
    const session = new Session();
    const alerts = (count: number) =>
      Array.from({ length: count }, () => session.closes(500, undefined).alert);
    expect(alerts(5)).toEqual([false, false, false, false, true]);
    expect(session.closes(500, 61).alert).toBe(false);
    expect(alerts(3)).toEqual([false, false, false]);
    session.closes(503, undefined);
    expect(alerts(4)).toEqual([false, false, false, false]);
  });
});
