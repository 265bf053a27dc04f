import { describe, expect, it } from 'vitest';
import {
  decideWatchdogAction,
  type WatchdogFacts,
  type WatchdogStage,
  defaultWatchdogTimeouts,
} from '../../../../src/whatsapp/watchdog/watchdog-policy.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const idle: WatchdogStage = { name: 'idle' };

const silent: WatchdogFacts = {
  nowMs: 100 * hourMs,
  openedAtMs: 50 * hourMs,
  lastInboundAtMs: undefined,
  businessSinceMs: 97 * hourMs,
  unacknowledged: undefined,
  lastAckAtMs: undefined,
  renewedAtMs: undefined,
  toleranceFactor: 1,
};

function decide(stage: WatchdogStage, facts: Partial<WatchdogFacts> = {}) {
  const { action, stage: next } = decideWatchdogAction(
    stage,
    { ...silent, ...facts },
    defaultWatchdogTimeouts,
  );
  return { action, next: next.name };
}

function at(
  name: 'probed' | 'renewed' | 'probed_again' | 'alerted',
  msAgo: number,
  cause: 'silence' | 'unacknowledged' = 'silence',
): WatchdogStage {
  return { name, atMs: silent.nowMs - msAgo, cause };
}

describe('a session is probed', () => {
  it('after two hours without a stanza within the business hours of one day', () => {
    expect(decide(idle)).toEqual({ action: 'probe', next: 'probed' });
    expect(decide(idle, { businessSinceMs: 98 * hourMs })).toMatchObject({ action: 'probe' });
    expect(decide(idle, { businessSinceMs: 98 * hourMs + 1 })).toMatchObject({ action: 'wait' });
  });

  it('never outside business hours', () => {
    const unacknowledged = { count: 50, sinceMs: 99 * hourMs };
    expect(decide(idle, { businessSinceMs: undefined, unacknowledged })).toMatchObject({
      action: 'wait',
    });
  });

  it('only when no stanza arrived and no socket opened within the two hours', () => {
    const recentMs = silent.nowMs - 2 * hourMs + 1;
    expect(decide(idle, { lastInboundAtMs: recentMs })).toMatchObject({ action: 'wait' });
    expect(decide(idle, { openedAtMs: recentMs })).toMatchObject({ action: 'wait' });
  });

  it('later by its tolerance factor', () => {
    expect(decide(idle, { businessSinceMs: 98 * hourMs, toleranceFactor: 1.25 })).toMatchObject({
      action: 'wait',
    });
    expect(decide(idle, { businessSinceMs: 97.5 * hourMs, toleranceFactor: 1.25 })).toMatchObject({
      action: 'probe',
    });
  });

  it('after a minute with three unacknowledged messages', () => {
    const facts = { businessSinceMs: silent.nowMs - minuteMs };
    const unacknowledged = { count: 3, sinceMs: silent.nowMs - minuteMs };
    expect(decide(idle, { ...facts, unacknowledged })).toMatchObject({ action: 'probe' });
    const two = { ...unacknowledged, count: 2 };
    expect(decide(idle, { ...facts, unacknowledged: two })).toMatchObject({ action: 'wait' });
    const recent = { ...unacknowledged, sinceMs: silent.nowMs - minuteMs + 1 };
    expect(decide(idle, { ...facts, unacknowledged: recent })).toMatchObject({ action: 'wait' });
  });

  it('for unacknowledged messages at most once an hour', () => {
    const facts = {
      businessSinceMs: silent.nowMs - minuteMs,
      unacknowledged: { count: 3, sinceMs: silent.nowMs - minuteMs },
    };
    expect(decide(idle, { ...facts, renewedAtMs: silent.nowMs - hourMs + 1 })).toMatchObject({
      action: 'wait',
    });
    expect(decide(idle, { ...facts, renewedAtMs: silent.nowMs - hourMs })).toMatchObject({
      action: 'probe',
    });
  });
});

describe('a probed session', () => {
  it('becomes idle when a stanza follows the probe', () => {
    const lastInboundAtMs = silent.nowMs - minuteMs;
    expect(decide(at('probed', 2 * minuteMs), { lastInboundAtMs })).toEqual({
      action: 'answered',
      next: 'idle',
    });
  });

  it('for unacknowledged messages becomes idle on an ack, otherwise it is renewed', () => {
    const lastAckAtMs = silent.nowMs - 1;
    expect(decide(at('probed', minuteMs, 'unacknowledged'), { lastAckAtMs })).toEqual({
      action: 'answered',
      next: 'idle',
    });
    const before = { lastAckAtMs: silent.nowMs - minuteMs - 1 };
    for (const ackFacts of [before, {}])
      expect(decide(at('probed', minuteMs, 'unacknowledged'), ackFacts)).toMatchObject({ action: 'renew' });
  });

  it('for silence is renewed despite acks, which also arrive when nothing else does', () => {
    expect(decide(at('probed', minuteMs), { lastAckAtMs: silent.nowMs })).toMatchObject({
      action: 'renew',
    });
  });

  it('is renewed when no stanza follows within a minute', () => {
    expect(decide(at('probed', minuteMs - 1))).toEqual({ action: 'wait', next: 'probed' });
    expect(decide(at('probed', minuteMs))).toEqual({ action: 'renew', next: 'renewed' });
  });

  it('becomes idle when its socket was replaced', () => {
    expect(decide(at('probed', 2 * minuteMs), { openedAtMs: silent.nowMs - minuteMs })).toEqual({
      action: 'wait',
      next: 'idle',
    });
  });

  it('becomes idle when business hours end', () => {
    expect(decide(at('probed', hourMs), { businessSinceMs: undefined })).toEqual({
      action: 'wait',
      next: 'idle',
    });
  });
});

describe('a renewed session', () => {
  it('is probed after its socket has been open for a minute', () => {
    expect(decide(at('renewed', 5 * minuteMs))).toEqual({ action: 'wait', next: 'renewed' });
    const recent = { openedAtMs: silent.nowMs - minuteMs + 1 };
    expect(decide(at('renewed', 5 * minuteMs), recent)).toEqual({ action: 'wait', next: 'renewed' });
    const settled = { openedAtMs: silent.nowMs - minuteMs };
    expect(decide(at('renewed', 5 * minuteMs), settled)).toEqual({ action: 'probe', next: 'probed_again' });
    expect(decide(at('renewed', 5 * minuteMs), { ...settled, businessSinceMs: undefined })).toEqual({
      action: 'wait',
      next: 'renewed',
    });
  });

  it('recovers when a stanza arrives', () => {
    for (const name of ['renewed', 'probed_again', 'alerted'] as const)
      expect(decide(at(name, hourMs), { lastInboundAtMs: silent.nowMs })).toEqual({
        action: 'recovered',
        next: 'idle',
      });
  });

  it('does not recover through stanzas of its offline queue', () => {
    const openedAtMs = silent.nowMs - 2 * minuteMs;
    const offlineQueue = { openedAtMs, lastInboundAtMs: openedAtMs + minuteMs - 1 };
    expect(decide(at('renewed', 3 * minuteMs), offlineQueue)).toMatchObject({ action: 'probe' });
    expect(decide(at('probed_again', minuteMs), offlineQueue)).toMatchObject({ action: 'alert' });
    expect(decide(at('alerted', hourMs), offlineQueue)).toEqual({ action: 'wait', next: 'alerted' });
    const later = { openedAtMs, lastInboundAtMs: openedAtMs + minuteMs };
    for (const name of ['renewed', 'probed_again', 'alerted'] as const)
      expect(decide(at(name, hourMs), later)).toMatchObject({ action: 'recovered' });
  });

  it('recovers on an ack if acks were missing, but an alert remains', () => {
    const lastAckAtMs = silent.nowMs;
    for (const name of ['renewed', 'probed_again'] as const) {
      expect(decide(at(name, minuteMs, 'unacknowledged'), { lastAckAtMs })).toMatchObject({
        action: 'recovered',
      });
      expect(decide(at(name, minuteMs), { lastAckAtMs })).not.toMatchObject({
        action: 'recovered',
      });
    }
    expect(decide(at('alerted', minuteMs, 'unacknowledged'), { lastAckAtMs })).toMatchObject({
      action: 'wait',
    });
  });

  it('is alerted instead of renewed again when the second probe fails', () => {
    expect(decide(at('probed_again', minuteMs - 1))).toMatchObject({ action: 'wait' });
    expect(decide(at('probed_again', minuteMs))).toEqual({ action: 'alert', next: 'alerted' });
  });

  it('is probed again when its socket was replaced or business hours ended meanwhile', () => {
    const again = { action: 'wait', next: 'renewed' };
    expect(decide(at('probed_again', 5 * minuteMs), { openedAtMs: silent.nowMs - minuteMs })).toEqual(again);
    expect(decide(at('probed_again', 5 * minuteMs), { businessSinceMs: undefined })).toEqual(again);
  });
});

describe('an alerted session', () => {
  it('is not probed for a day, even on a new socket', () => {
    expect(decide(at('alerted', 24 * hourMs - 1), { openedAtMs: silent.nowMs - minuteMs })).toEqual({
      action: 'wait',
      next: 'alerted',
    });
    expect(decide(at('alerted', 24 * hourMs))).toEqual({ action: 'wait', next: 'idle' });
  });
});

it('a silent session is renewed once and alerted once within a day', () => {
  let stage: WatchdogStage = idle;
  let openedAtMs = 0;
  const actions: string[] = [];
  for (let nowMs = 0; nowMs < 23 * hourMs; nowMs += 30_000) {
    const facts = { ...silent, nowMs, openedAtMs, businessSinceMs: 0 };
    const decision = decideWatchdogAction(stage, facts, defaultWatchdogTimeouts);
    stage = decision.stage;
    if (decision.action === 'renew') openedAtMs = nowMs + 5_000;
    if (decision.action !== 'wait') actions.push(decision.action);
  }
  expect(actions).toEqual(['probe', 'renew', 'probe', 'alert']);
});
