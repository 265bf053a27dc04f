import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import { ClientVersion } from '../../../../src/whatsapp/connection/client-version.ts';
import { DisconnectHistory, FlappingBreaker } from '../../../../src/whatsapp/session/disconnect-history.ts';
import {
  ReconnectScheduler,
  ReconnectRateLimiter,
} from '../../../../src/whatsapp/session/reconnect-scheduler.ts';
import { defaultTimeouts } from '../../../../src/whatsapp/timeouts.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';

const minuteMs = 60_000;

/** The disconnect history of one linked session, with a clock and a log. */
class LinkedSession {
  readonly log = captureLog();
  readonly metrics = createMetrics();
  readonly #history: DisconnectHistory;
  #nowMs = 0;

  constructor() {
    const report = createBusinessEvents(this.log, this.metrics);
    const monotonicMs = () => this.#nowMs;
    const deps = {
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
    const scheduler = new ReconnectScheduler(deps, () => undefined);
    this.#history = new DisconnectHistory(companyIdFrom(7), deps, scheduler);
  }

  /** @param openForSeconds undefined: refused before it was open */
  disconnect(code: number, openForSeconds: number | undefined, afterSeconds = 1) {
    this.#nowMs += (afterSeconds + (openForSeconds ?? 0)) * 1_000;
    const connection = {
      auth: { isLinked: true },
      version: [2, 3000, 1] as const,
      wasOpen: openForSeconds !== undefined,
      openForMs: (openForSeconds ?? 0) * 1_000,
    };
    return this.#history.decide(connection, { code, message: '', attributes: {} });
  }

  get errors(): readonly string[] {
    return this.log.lines.filter((line) => line.includes('"level":"error"'));
  }
}

describe('flapping detection', () => {
  it('pauses the session for minutes after six short connections and alerts once', async () => {
    const session = new LinkedSession();
    const burst = () => [1, 2, 3, 4, 5, 6].map(() => session.disconnect(428, 2));
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

  it('counts restarts requested by WhatsApp', () => {
    const session = new LinkedSession();
    const decisions = [1, 2, 3, 4, 5, 6].map(() => session.disconnect(515, undefined));
    expect(decisions.map(({ next }) => next.action)).toEqual([...Array<string>(5).fill('restart'), 'retry']);
  });

  it('ignores refused logins, which back off', () => {
    const session = new LinkedSession();
    const decisions = Array.from({ length: 20 }, () => session.disconnect(503, undefined));
    expect(decisions.every(({ next }) => next.action === 'reconnect')).toBe(true);
    expect(session.errors).toEqual([]);
  });

  it('ignores connections that last a minute', () => {
    const session = new LinkedSession();
    const decisions = Array.from({ length: 20 }, () => session.disconnect(428, 60, 0));
    expect(decisions.every(({ next }) => next.action === 'reconnect')).toBe(true);
  });
});

describe('replacement by another login', () => {
  it('ends in a conflict after five times in ten minutes, despite stable connections', () => {
    const session = new LinkedSession();
    const decisions = [1, 2, 3, 4, 5].map(() => session.disconnect(440, 70, 30));
    expect(decisions.map(({ state }) => state)).toEqual([
      ...Array<string>(4).fill('reconnecting'),
      'conflict',
    ]);
    expect(session.errors).toHaveLength(1);
  });

  it('is tolerated when it happens rarely', () => {
    const session = new LinkedSession();
    const decisions = Array.from({ length: 10 }, () => session.disconnect(440, 150, 30));
    expect(decisions.every(({ state }) => state === 'reconnecting')).toBe(true);
  });
});

describe('unknown errors', () => {
  it('alert at the fifth in a row; a stable connection resets the count', () => {
    const session = new LinkedSession();
    const alerts = (count: number) =>
      Array.from({ length: count }, () => session.disconnect(500, undefined).alert);
    expect(alerts(5)).toEqual([false, false, false, false, true]);
    expect(session.disconnect(500, 61).alert).toBe(false);
    expect(alerts(3)).toEqual([false, false, false]);
    session.disconnect(503, undefined);
    expect(alerts(4)).toEqual([false, false, false, false]);
  });
});

function createBreaker(): FlappingBreaker {
  return new FlappingBreaker({ threshold: 6, windowMs: minuteMs, cooldownMs: 5 * minuteMs }, () => 0.5);
}

/** The result of each close, at these seconds. */
function recordCloses(breaker: FlappingBreaker, seconds: readonly number[]) {
  return seconds.map((second) => breaker.recordClose(second * 1_000));
}

describe('FlappingBreaker', () => {
  it('starts a cooldown at the sixth close within a minute', () => {
    const cooldowns = recordCloses(createBreaker(), [0, 10, 20, 30, 40, 59]);
    expect(cooldowns.slice(0, 5).every((cooldown) => cooldown === undefined)).toBe(true);
    expect(cooldowns[5]).toEqual({ cooldownMs: 7.5 * minuteMs, shouldAlert: true });
  });

  it('starts no cooldown for closes spread over a longer time', () => {
    const cooldowns = recordCloses(createBreaker(), [0, 12, 24, 36, 48, 60, 72, 84, 96, 108]);
    expect(cooldowns.every((cooldown) => cooldown === undefined)).toBe(true);
  });

  it('alerts once, however many cooldowns follow, until a connection is stable', () => {
    const breaker = createBreaker();
    const sixth = (start: number) =>
      recordCloses(
        breaker,
        [0, 1, 2, 3, 4, 5].map((second) => start + second),
      )[5];
    expect(sixth(0)).toMatchObject({ shouldAlert: true });
    expect(sixth(1_000)).toMatchObject({ shouldAlert: false });
    breaker.reset();
    expect(sixth(2_000)).toMatchObject({ shouldAlert: true });
  });
});
