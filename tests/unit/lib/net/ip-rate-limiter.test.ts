import { describe, expect, it } from 'vitest';
import { MemoryIpRateLimiter } from '../../../../src/lib/net/ip-rate-limiter.ts';

describe('MemoryIpRateLimiter', () => {
  it('allows a number of actions per window and then returns the time to wait', async () => {
    const limiter = new MemoryIpRateLimiter({ points: 2, windowSeconds: 60 });
    expect(await limiter.consume('203.0.113.9')).toBeUndefined();
    expect(await limiter.consume('203.0.113.9')).toBeUndefined();
    expect(await limiter.consume('203.0.113.9')).toBe(60);
    expect(await limiter.consume('203.0.113.10')).toBeUndefined();
  });

  it('reports an exhausted window without consuming a point', async () => {
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

  it('evicts the oldest addresses beyond its limit', async () => {
    const limiter = new MemoryIpRateLimiter({ points: 1, windowSeconds: 60, maxIps: 100 });
    for (let host = 0; host < 1000; host += 1) {
      await limiter.consume(`10.0.${Math.floor(host / 256)}.${host % 256}`);
    }
    expect(limiter.trackedIpCount).toBe(100);
    expect(await limiter.consume('10.0.3.231')).toBe(60);
    expect(await limiter.consume('10.0.0.0')).toBeUndefined();
  });
});
