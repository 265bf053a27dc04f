import { array, assert, asyncProperty } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findLimitViolations, findReorderings } from '../../../support/checkers/pacing-checker.ts';
import { pacingCommand } from '../../../support/checkers/pacing-commands.ts';
import { PacingDriver } from '../../../support/checkers/pacing-driver.ts';
import { useStore } from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

describe.each(engines())('the pace of a number in $name', ({ make }) => {
  const store = useStore(make);

  // The expectations are inside of the property.
  // oxlint-disable-next-line vitest/expect-expect
  it('exceeds no limit, reorders no client and holds nothing back, whatever fails and however often it restarts', async () => {
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

  it('says exactly when the next message may go', async () => {
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
    // Three in a minute with a gap between, then the rest of the minute.
    expect(waitsMs.map((ms) => Math.round(ms / 1_000))).toEqual([4, 4, 52, 4, 4, 52]);
  });

  it('grows from a tenth after a reconnection', async () => {
    const number = await PacingDriver.open(store);
    await number.reconnect();
    for (let count = 0; count < 3; count += 1) await number.enqueue(0);
    const first = await number.claim();
    if (first.message === undefined) throw new Error('The first message may go at once');
    await number.settle(first.message, 'ack');
    const next = await number.claim();
    if (next.message !== undefined) throw new Error('The second message has to wait');
    const waitMs = next.dueInMs;
    // Ten gaps in the first second after the reconnection.
    expect(waitMs).toBeGreaterThan(30_000);
    expect(waitMs).toBeLessThanOrEqual(41_000);
  });

  it.each(['463', '429'] as const)('is halved after a refusal with %s, and says so', async (code) => {
    const { events } = store.repositories;
    const number = await PacingDriver.open(store);
    await number.receiveFrom(0);
    for (let count = 0; count < 3; count += 1) await number.enqueue(0);
    const { message } = await number.claim();
    if (message === undefined) throw new Error('The first message may go at once');
    await number.settle(message, code);
    const [latest] = await events.latest(number.companyId, 1);
    expect(latest).toMatchObject({ type: 'pacing_reduced', cause: `whatsapp:${code}` });

    await number.execute({ what: 'pass', ms: hourMs });
    const second = await number.claim();
    if (second.message === undefined) throw new Error('The second message may go after an hour');
    await number.settle(second.message, 'ack');
    const next = await number.claim();
    if (next.message !== undefined) throw new Error('The third message has to wait');
    // One in a minute instead of three.
    expect(next.dueInMs).toBeGreaterThan(50_000);
    expect(next.dueInMs).toBeLessThanOrEqual(minuteMs);
  });

  it('gives nothing to a company that is frozen, and goes on when it is not', async () => {
    const number = await PacingDriver.open(store);
    await number.enqueue(0);
    await number.setStatus('frozen');
    expect(await number.claim()).toEqual({ dueAt: undefined, dueInMs: undefined });
    await number.setStatus('active');
    expect((await number.claim()).message).toBeDefined();
  });

  it('lets only what may go at night go at night', async () => {
    const number = await PacingDriver.open(store);
    await number.execute({ what: 'night', ms: hourMs });
    await number.enqueue(0);
    const held = await number.claim();
    if (held.message !== undefined) throw new Error('It should wait for the morning');
    expect(held.dueInMs).toBeGreaterThan(hourMs - 5_000);
    expect(held.dueInMs).toBeLessThanOrEqual(hourMs);
    await number.enqueue(1, true);
    expect((await number.claim()).message?.text).toBe('text 1');
  });
});
