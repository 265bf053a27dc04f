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

const quiet: WatchdogFacts = {
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
    { ...quiet, ...facts },
    defaultWatchdogTimeouts,
  );
  return { action, next: next.name };
}

function at(
  name: 'probed' | 'renewed' | 'probed_again' | 'alerted',
  msAgo: number,
  cause: 'silence' | 'unacknowledged' = 'silence',
): WatchdogStage {
  return { name, atMs: quiet.nowMs - msAgo, cause };
}

describe('a session is suspected', () => {
  it('after two silent hours of one working day', () => {
    expect(decide(idle)).toEqual({ action: 'probe', next: 'probed' });
    expect(decide(idle, { businessSinceMs: 98 * hourMs })).toMatchObject({ action: 'probe' });
    expect(decide(idle, { businessSinceMs: 98 * hourMs + 1 })).toMatchObject({ action: 'wait' });
  });

  it('never at night, whatever it does not hear', () => {
    const unacknowledged = { count: 50, sinceMs: 99 * hourMs };
    expect(decide(idle, { businessSinceMs: undefined, unacknowledged })).toMatchObject({
      action: 'wait',
    });
  });

  it('neither when a stanza came nor when its socket opened since', () => {
    const lately = quiet.nowMs - 2 * hourMs + 1;
    expect(decide(idle, { lastInboundAtMs: lately })).toMatchObject({ action: 'wait' });
    expect(decide(idle, { openedAtMs: lately })).toMatchObject({ action: 'wait' });
  });

  it('not at the same time as all the others', () => {
    expect(decide(idle, { businessSinceMs: 98 * hourMs, toleranceFactor: 1.25 })).toMatchObject({
      action: 'wait',
    });
    expect(decide(idle, { businessSinceMs: 97.5 * hourMs, toleranceFactor: 1.25 })).toMatchObject({
      action: 'probe',
    });
  });

  it('within a minute when three messages in a row were not acknowledged', () => {
    const facts = { businessSinceMs: quiet.nowMs - minuteMs };
    const unacknowledged = { count: 3, sinceMs: quiet.nowMs - minuteMs };
    expect(decide(idle, { ...facts, unacknowledged })).toMatchObject({ action: 'probe' });
    const two = { ...unacknowledged, count: 2 };
    expect(decide(idle, { ...facts, unacknowledged: two })).toMatchObject({ action: 'wait' });
    const young = { ...unacknowledged, sinceMs: quiet.nowMs - minuteMs + 1 };
    expect(decide(idle, { ...facts, unacknowledged: young })).toMatchObject({ action: 'wait' });
  });

  it('for missing acknowledgements once an hour at most', () => {
    const facts = {
      businessSinceMs: quiet.nowMs - minuteMs,
      unacknowledged: { count: 3, sinceMs: quiet.nowMs - minuteMs },
    };
    expect(decide(idle, { ...facts, renewedAtMs: quiet.nowMs - hourMs + 1 })).toMatchObject({
      action: 'wait',
    });
    expect(decide(idle, { ...facts, renewedAtMs: quiet.nowMs - hourMs })).toMatchObject({
      action: 'probe',
    });
  });
});

describe('a suspected session', () => {
  it('that answers the probe is left alone', () => {
    const lastInboundAtMs = quiet.nowMs - minuteMs;
    expect(decide(at('probed', 2 * minuteMs), { lastInboundAtMs: lastInboundAtMs })).toEqual({
      action: 'answered',
      next: 'idle',
    });
  });

  it('for missing acknowledgements is left alone when they come, and otherwise not', () => {
    const lastAckAtMs = quiet.nowMs - 1;
    expect(decide(at('probed', minuteMs, 'unacknowledged'), { lastAckAtMs: lastAckAtMs })).toEqual({
      action: 'answered',
      next: 'idle',
    });
    const before = { lastAckAtMs: quiet.nowMs - minuteMs - 1 };
    for (const acks of [before, {}])
      expect(decide(at('probed', minuteMs, 'unacknowledged'), acks)).toMatchObject({ action: 'renew' });
  });

  it('for silence is not left alone because it acknowledges: deaf sessions do', () => {
    expect(decide(at('probed', minuteMs), { lastAckAtMs: quiet.nowMs })).toMatchObject({
      action: 'renew',
    });
  });

  it('has a minute to answer, and then gets a new socket', () => {
    expect(decide(at('probed', minuteMs - 1))).toEqual({ action: 'wait', next: 'probed' });
    expect(decide(at('probed', minuteMs))).toEqual({ action: 'renew', next: 'renewed' });
  });

  it('whose socket was replaced meanwhile begins anew', () => {
    expect(decide(at('probed', 2 * minuteMs), { openedAtMs: quiet.nowMs - minuteMs })).toEqual({
      action: 'wait',
      next: 'idle',
    });
  });

  it('is forgotten when the night begins', () => {
    expect(decide(at('probed', hourMs), { businessSinceMs: undefined })).toEqual({
      action: 'wait',
      next: 'idle',
    });
  });
});

describe('a session with a new socket', () => {
  it('is probed once it has been open for a minute', () => {
    expect(decide(at('renewed', 5 * minuteMs))).toEqual({ action: 'wait', next: 'renewed' });
    const young = { openedAtMs: quiet.nowMs - minuteMs + 1 };
    expect(decide(at('renewed', 5 * minuteMs), young)).toEqual({ action: 'wait', next: 'renewed' });
    const settled = { openedAtMs: quiet.nowMs - minuteMs };
    expect(decide(at('renewed', 5 * minuteMs), settled)).toEqual({ action: 'probe', next: 'probed_again' });
    expect(decide(at('renewed', 5 * minuteMs), { ...settled, businessSinceMs: undefined })).toEqual({
      action: 'wait',
      next: 'renewed',
    });
  });

  it('that hears something has recovered', () => {
    for (const name of ['renewed', 'probed_again', 'alerted'] as const)
      expect(decide(at(name, hourMs), { lastInboundAtMs: quiet.nowMs })).toEqual({
        action: 'recovered',
        next: 'idle',
      });
  });

  it('that hears what had waited for its login, and nothing after, has not', () => {
    const openedAtMs = quiet.nowMs - 2 * minuteMs;
    const backlog = { openedAtMs, lastInboundAtMs: openedAtMs + minuteMs - 1 };
    expect(decide(at('renewed', 3 * minuteMs), backlog)).toMatchObject({ action: 'probe' });
    expect(decide(at('probed_again', minuteMs), backlog)).toMatchObject({ action: 'alert' });
    expect(decide(at('alerted', hourMs), backlog)).toEqual({ action: 'wait', next: 'alerted' });
    const later = { openedAtMs, lastInboundAtMs: openedAtMs + minuteMs };
    for (const name of ['renewed', 'probed_again', 'alerted'] as const)
      expect(decide(at(name, hourMs), later)).toMatchObject({ action: 'recovered' });
  });

  it('has recovered when acknowledgements were missing and come again, which ends no alert', () => {
    const lastAckAtMs = quiet.nowMs;
    for (const name of ['renewed', 'probed_again'] as const) {
      expect(decide(at(name, minuteMs, 'unacknowledged'), { lastAckAtMs: lastAckAtMs })).toMatchObject({
        action: 'recovered',
      });
      expect(decide(at(name, minuteMs), { lastAckAtMs: lastAckAtMs })).not.toMatchObject({
        action: 'recovered',
      });
    }
    expect(decide(at('alerted', minuteMs, 'unacknowledged'), { lastAckAtMs: lastAckAtMs })).toMatchObject({
      action: 'wait',
    });
  });

  it('that stays silent is an alert, and gets no other socket', () => {
    expect(decide(at('probed_again', minuteMs - 1))).toMatchObject({ action: 'wait' });
    expect(decide(at('probed_again', minuteMs))).toEqual({ action: 'alert', next: 'alerted' });
  });

  it('is probed again, not given up, when that socket went too or the night was between', () => {
    const again = { action: 'wait', next: 'renewed' };
    expect(decide(at('probed_again', 5 * minuteMs), { openedAtMs: quiet.nowMs - minuteMs })).toEqual(again);
    expect(decide(at('probed_again', 5 * minuteMs), { businessSinceMs: undefined })).toEqual(again);
  });
});

describe('a session that was given up', () => {
  it('is left alone for a day, over whatever sockets', () => {
    expect(decide(at('alerted', 24 * hourMs - 1), { openedAtMs: quiet.nowMs - minuteMs })).toEqual({
      action: 'wait',
      next: 'alerted',
    });
    expect(decide(at('alerted', 24 * hourMs))).toEqual({ action: 'wait', next: 'idle' });
  });
});

it('opens one socket and tells once however long a session stays deaf, a day', () => {
  let stage: WatchdogStage = idle;
  let openedAtMs = 0;
  const actions: string[] = [];
  for (let nowMs = 0; nowMs < 23 * hourMs; nowMs += 30_000) {
    const facts = { ...quiet, nowMs, openedAtMs, businessSinceMs: 0 };
    const decision = decideWatchdogAction(stage, facts, defaultWatchdogTimeouts);
    stage = decision.stage;
    if (decision.action === 'renew') openedAtMs = nowMs + 5_000;
    if (decision.action !== 'wait') actions.push(decision.action);
  }
  expect(actions).toEqual(['probe', 'renew', 'probe', 'alert']);
});
