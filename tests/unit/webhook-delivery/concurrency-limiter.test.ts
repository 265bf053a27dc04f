import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../src/domain/ids.ts';
import { WebhookForwarder } from '../../../src/marketplace/replies/webhook-forwarder.ts';
import { createBusinessEvents } from '../../../src/observability/events.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { ConcurrencyLimiter } from '../../../src/webhook-delivery/concurrency-limiter.ts';
import { captureLog } from '../../support/checkers/captured-log.ts';

const [one, other] = [companyIdFrom(1), companyIdFrom(2)];

describe('the texts of one company', () => {
  const open = () => {
    let nowMs = 0;
    const limiter = new ConcurrencyLimiter({
      maxConcurrent: 2,
      now: () => new Date(nowMs),
      random: () => 0.5,
    });
    const begin = (end = Promise.withResolvers<void>()) => {
      const done = limiter.run(one, () => end.promise);
      return { end, done };
    };
    const ask = () => limiter.run(one, async () => {});
    const pass = (ms: number): void => void (nowMs += ms);
    return { lanes: limiter, begin, ask, pass };
  };

  it('wait longer the longer none arrives, and those of others do not', async () => {
    const { lanes, begin, ask, pass } = open();
    const [first] = [begin(), begin()];
    expect(await ask()).toEqual({ retryAfterMs: 3_000 });
    pass(20_000);
    expect(await ask()).toEqual({ retryAfterMs: 15_000 });
    pass(600_000);
    expect(await ask()).toEqual({ retryAfterMs: 45_000 });
    expect(await lanes.run(other, async () => {})).toBe('done');
    first.end.resolve();
    expect(await first.done).toBe('done');
    expect(await ask()).toBe('done');
    begin();
    expect(await ask()).toEqual({ retryAfterMs: 3_000 });
  });

  it('have their lanes back after failures, which are not forgotten', async () => {
    const { begin, ask, pass } = open();
    const failing = [begin(), begin()];
    await ask();
    pass(30_000);
    for (const { end, done } of failing) {
      end.reject(new Error('The receiver answered 500'));
      await expect(done).rejects.toThrow('500');
    }
    begin();
    begin();
    expect(await ask()).toEqual({ retryAfterMs: 22_500 });
  });

  it('cost the database nothing while they find no lane', async () => {
    const read = async (): Promise<never> => {
      throw new Error('The database was read');
    };
    const forwarding = new WebhookForwarder({
      received: { byId: read, findUnforwarded: read, markQueuedForForwarding: read },
      webhooks: { get: read, disable: read, recordFailure: read, recordSuccess: read },
      webhookSender: { runLimited: async () => ({ retryAfterMs: 7_000 }), deliver: read },
      queue: { insert: read, backlog: read },
      report: createBusinessEvents(captureLog(), createMetrics()),
    });
    await expect(forwarding.run({ companyId: one, messageId: 'm' })).rejects.toMatchObject({
      name: 'RetryLaterError',
      delayMs: 7_000,
      countsAsAttempt: false,
    });
  });
});
