import { array, assert, asyncProperty } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findLimitViolations, findReorderings } from '../../../support/checkers/pacing-checker.ts';
import { pacingCommand } from '../../../support/checkers/pacing-commands.ts';
import { PacingDriver } from '../../../support/checkers/pacing-driver.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { useStore } from '../../../support/fixtures/storage.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

describe.each(engines())('pacing in $name', ({ make }) => {
  const store = useStore(make);

  // The expectations are inside the property.
  // oxlint-disable-next-line vitest/expect-expect
  it('keeps every limit and the order per client, and sends all, through failures and restarts', async () => {
    await assert(
      asyncProperty(array(pacingCommand, { minLength: 30, maxLength: 90 }), async (steps) => {
        const number = await PacingDriver.open(store);
        for (const one of steps) await number.execute(one);
        await number.drain();
        expect(findLimitViolations(number.sent)).toEqual([]);
        expect(findReorderings(number.sent)).toEqual([]);
        expect(number.withheld).toEqual([]);
        expect(number.repeatedlyRejected).toEqual([]);
      }),
      { numRuns: 60, interruptAfterTimeLimit: 2 * minuteMs, markInterruptAsFailure: true },
    );
  }, 180_000);

  it('returns the exact delay until the next message', async () => {
    const number = await PacingDriver.open(store);
    for (let count = 0; count < 12; count += 1) await number.enqueue(0);
    const waitsMs: number[] = [];
    for (let count = 0; count < 12; count += 1) {
      const claim = await number.claim();
      if (claim.message !== undefined) {
        await number.settle(claim.message, 'ack');
        continue;
      }
      const waitMs = claim.dueInMs ?? Infinity;
      waitsMs.push(waitMs);
      await number.execute({ what: 'pass', ms: waitMs - 1_000 });
      expect((await number.claim()).message).toBeUndefined();
      await number.execute({ what: 'pass', ms: 1_100 });
    }
    // Three per minute with a gap of 4 s, then the rest of the minute.
    expect(waitsMs.map((ms) => Math.round(ms / 1_000))).toEqual([4, 4, 52, 4, 4, 52]);
  });

  it('ramps up from 10 % after a reconnection', async () => {
    const number = await PacingDriver.open(store);
    await number.reconnect();
    for (let count = 0; count < 3; count += 1) await number.enqueue(0);
    const first = await number.claim();
    if (first.message === undefined) throw new Error('First message not claimed');
    await number.settle(first.message, 'ack');
    const next = await number.claim();
    if (next.message !== undefined) throw new Error('Second message claimed too early');
    const waitMs = next.dueInMs;
    // Ten times the gap at the start of the ramp.
    expect(waitMs).toBeGreaterThan(30_000);
    expect(waitMs).toBeLessThanOrEqual(41_000);
  });

  it.each(['463', '429'] as const)(
    'halves the rate and records an event after a rejection with %s',
    async (code) => {
      const { events } = store.repositories;
      const number = await PacingDriver.open(store);
      await number.receiveFrom(0);
      for (let count = 0; count < 3; count += 1) await number.enqueue(0);
      const { message } = await number.claim();
      if (message === undefined) throw new Error('First message not claimed');
      await number.settle(message, code);
      const [latest] = await events.latest(number.companyId, 1);
      expect(latest).toMatchObject({ type: 'pacing_reduced', cause: `whatsapp:${code}` });

      await number.execute({ what: 'pass', ms: hourMs });
      const second = await number.claim();
      if (second.message === undefined) throw new Error('Second message not claimed after an hour');
      await number.settle(second.message, 'ack');
      const next = await number.claim();
      if (next.message !== undefined) throw new Error('Third message claimed too early');
      // One per minute instead of three.
      expect(next.dueInMs).toBeGreaterThan(50_000);
      expect(next.dueInMs).toBeLessThanOrEqual(minuteMs);
    },
  );

  it('claims nothing for a frozen company until it is active again', async () => {
    const number = await PacingDriver.open(store);
    await number.enqueue(0);
    await number.setStatus('frozen');
    expect(await number.claim()).toEqual({ dueAt: undefined, dueInMs: undefined });
    await number.setStatus('active');
    expect((await number.claim()).message).toBeDefined();
  });

  it('claims only messages that ignore quiet hours during quiet hours', async () => {
    const number = await PacingDriver.open(store);
    await number.execute({ what: 'night', ms: hourMs });
    await number.enqueue(0);
    const held = await number.claim();
    if (held.message !== undefined) throw new Error('Message claimed during quiet hours');
    expect(held.dueInMs).toBeGreaterThan(hourMs - 5_000);
    expect(held.dueInMs).toBeLessThanOrEqual(hourMs);
    await number.enqueue(1, true);
    expect((await number.claim()).message?.text).toBe('text 1');
  });
});
