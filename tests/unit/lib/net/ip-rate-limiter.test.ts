import { describe, expect, it } from 'vitest';
import { MemoryIpRateLimiter } from '../../../../src/lib/net/ip-rate-limiter.ts';

describe('MemoryAddressLimiter', () => {
  it('lets an address act so many times in a window and then says how long to wait', async () => {
    const limiter = new MemoryIpRateLimiter({ points: 2, windowSeconds: 60 });
    expect(await limiter.consume('203.0.113.9')).toBeUndefined();
    expect(await limiter.consume('203.0.113.9')).toBeUndefined();
    expect(await limiter.consume('203.0.113.9')).toBe(60);
    expect(await limiter.consume('203.0.113.10')).toBeUndefined();
  });

  it('tells who has used up a window without counting the question', async () => {
    const limiter = new MemoryIpRateLimiter({ points: 2, windowSeconds: 60 });
    for (let question = 0; question < 5; question += 1) {
      expect(await limiter.retryAfterSeconds('203.0.113.9')).toBeUndefined();
    }
    await limiter.consume('203.0.113.9');
    expect(await limiter.retryAfterSeconds('203.0.113.9')).toBeUndefined();
    await limiter.consume('203.0.113.9');
    expect(await limiter.retryAfterSeconds('203.0.113.9')).toBe(60);
    expect(await limiter.retryAfterSeconds('203.0.113.10')).toBeUndefined();
  });

  it('remembers no more addresses than it may, the newest ones', async () => {
    const limiter = new MemoryIpRateLimiter({ points: 1, windowSeconds: 60, maxIps: 100 });
    for (let host = 0; host < 1000; host += 1) {
      await limiter.consume(`10.0.${Math.floor(host / 256)}.${host % 256}`);
    }
    expect(limiter.trackedIpCount).toBe(100);
    expect(await limiter.consume('10.0.3.231')).toBe(60);
    expect(await limiter.consume('10.0.0.0')).toBeUndefined();
  });
});
