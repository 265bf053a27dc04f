import { describe, expect, it } from 'vitest';
import { FlappingBreaker } from '../../../../src/whatsapp/session/disconnect-history.ts';

const minuteMs = 60_000;

function breaker(): FlappingBreaker {
  return new FlappingBreaker({ threshold: 6, windowMs: minuteMs, cooldownMs: 5 * minuteMs }, () => 0.5);
}

/** What each close brought, at these seconds. */
function closesAt(subject: FlappingBreaker, seconds: readonly number[]) {
  return seconds.map((second) => subject.recordClose(second * 1_000));
}

describe('a session whose sockets do not hold', () => {
  it('rests for minutes after the sixth close within one', () => {
    const closes = closesAt(breaker(), [0, 10, 20, 30, 40, 59]);
    expect(closes.slice(0, 5).every((close) => close === undefined)).toBe(true);
    expect(closes[5]).toEqual({ cooldownMs: 7.5 * minuteMs, shouldAlert: true });
  });

  it('does not rest while its closes are spread over a longer time', () => {
    const closes = closesAt(breaker(), [0, 12, 24, 36, 48, 60, 72, 84, 96, 108]);
    expect(closes.every((close) => close === undefined)).toBe(true);
  });

  it('is told of once, however often it has to rest, until a socket holds', () => {
    const subject = breaker();
    const sixth = (start: number) =>
      closesAt(
        subject,
        [0, 1, 2, 3, 4, 5].map((second) => start + second),
      )[5];
    expect(sixth(0)).toMatchObject({ shouldAlert: true });
    expect(sixth(1_000)).toMatchObject({ shouldAlert: false });
    subject.reset();
    expect(sixth(2_000)).toMatchObject({ shouldAlert: true });
  });
});
