import { expect, it } from 'vitest';
import { CircuitBreaker } from '../../../src/webhook-delivery/circuit-breaker.ts';

const minuteMs = 60_000;

it('an open circuit rejects calls with a back-off that grows with the time it is open', async () => {
  let nowMs = 0;
  const now = () => new Date(nowMs);
  const breaker = new CircuitBreaker({ now, random: () => 0.5 }, { failureThreshold: 2, openMs: 30_000 });
  const attempt = () =>
    breaker.run(async () => {
      throw new Error('The receiver answered 500');
    });
  for (let count = 0; count < 2; count += 1) await expect(attempt()).rejects.toMatchObject({ name: 'Error' });

  const rejection = { name: 'CircuitOpenError', message: 'The receiver answered 500' };
  await expect(attempt()).rejects.toMatchObject({ ...rejection, retryAfterMs: 22_500 });
  nowMs += 10 * minuteMs;
  await expect(attempt()).rejects.toMatchObject({ ...rejection, retryAfterMs: 7.5 * minuteMs });
  nowMs += 600 * minuteMs;
  await expect(attempt()).rejects.toMatchObject({ ...rejection, retryAfterMs: 22.5 * minuteMs });
});
