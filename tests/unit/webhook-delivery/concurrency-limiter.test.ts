import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../src/domain/ids.ts';
import { ConcurrencyLimiter } from '../../../src/webhook-delivery/concurrency-limiter.ts';

const [companyId, otherCompanyId] = [companyIdFrom(1), companyIdFrom(2)];

describe('ConcurrencyLimiter', () => {
  const createLimiter = () => {
    let nowMs = 0;
    const limiter = new ConcurrencyLimiter({ now: () => new Date(nowMs), random: () => 0.5 }, 2);
    const startCall = (pending = Promise.withResolvers<void>()) => {
      const result = limiter.run(companyId, () => pending.promise);
      return { pending, result };
    };
    const call = () => limiter.run(companyId, async () => {});
    const advance = (ms: number): void => void (nowMs += ms);
    return { limiter, startCall, call, advance };
  };

  it('rejects calls above the limit with a growing back-off, per company', async () => {
    const { limiter, startCall, call, advance } = createLimiter();
    const [first] = [startCall(), startCall()];
    expect(await call()).toEqual({ retryAfterMs: 3_000 });
    advance(20_000);
    expect(await call()).toEqual({ retryAfterMs: 15_000 });
    advance(600_000);
    expect(await call()).toEqual({ retryAfterMs: 45_000 });
    expect(await limiter.run(otherCompanyId, async () => {})).toBe('done');
    first.pending.resolve();
    expect(await first.result).toBe('done');
    expect(await call()).toBe('done');
    startCall();
    expect(await call()).toEqual({ retryAfterMs: 3_000 });
  });

  it('frees the slots of failed calls and keeps the back-off until a call succeeds', async () => {
    const { startCall, call, advance } = createLimiter();
    const failing = [startCall(), startCall()];
    await call();
    advance(30_000);
    for (const { pending, result } of failing) {
      pending.reject(new Error('The receiver answered 500'));
      await expect(result).rejects.toThrow('500');
    }
    startCall();
    startCall();
    expect(await call()).toEqual({ retryAfterMs: 22_500 });
  });
});
