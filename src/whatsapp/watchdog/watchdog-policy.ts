export type WatchdogTimeouts = Readonly<{
  /** A session is suspected after so long without a stanza, within the business hours of one day. */
  silenceMs: number;
  /** It is suspected sooner when so many messages of ours in a row were not acknowledged, the first for so long. */
  unacknowledgedMessages: number;
  unacknowledgedMs: number;
  /** How long the answer to a probe may take. */
  probeTimeoutMs: number;
  /** For so long a new socket hears of what waited for its login, which proves nothing. Then it is probed. */
  settleMs: number;
  /** Missing acknowledgements alone do not open a second socket within this time. */
  renewGapMs: number;
  /** While an acknowledgement is missing, the line is asked so often whether it is alive, the first time after so long. */
  lateAckMs: number;
  pingTimeoutMs: number;
  /** After an alert the session is left alone for so long. */
  pauseMs: number;
}>;

const minuteMs = 60_000;

export const defaultWatchdogTimeouts: WatchdogTimeouts = {
  silenceMs: 120 * minuteMs,
  unacknowledgedMessages: 3,
  unacknowledgedMs: minuteMs,
  probeTimeoutMs: minuteMs,
  settleMs: minuteMs,
  renewGapMs: 60 * minuteMs,
  lateAckMs: 10_000,
  pingTimeoutMs: 5_000,
  pauseMs: 24 * 60 * minuteMs,
};

type Suspicion = 'silence' | 'unacknowledged';

type EpisodeStage = Readonly<{
  name: 'probed' | 'renewed' | 'probed_again' | 'given_up';
  atMs: number;
  cause: Suspicion;
}>;

/** Where a session stands. An episode begins with `probed` and ends with an answer, or a pause after `given_up`. */
export type WatchdogStage = Readonly<{ name: 'listening' }> | EpisodeStage;

/** All by one clock that never jumps. */
export type WatchdogFacts = Readonly<{
  nowMs: number;
  /** When the present socket opened. */
  openedAtMs: number;
  /** When the last stanza came that nobody had asked for. */
  lastInboundAtMs: number | undefined;
  /** When the present business hours began; undefined outside of them. */
  businessSinceMs: number | undefined;
  /** Messages of ours on the present socket since the last one that was acknowledged, and when the first of them left. */
  unacknowledged: Readonly<{ count: number; sinceMs: number }> | undefined;
  /** When a message of ours on the present socket was last acknowledged. */
  lastAckAtMs: number | undefined;
  /** When a socket was last given up as deaf. */
  renewedAtMs: number | undefined;
  /** From 1 up: how much longer than the others this session is borne with, so that not all are suspected at once. */
  toleranceFactor: number;
}>;

export type WatchdogDecision = Readonly<{
  /** `answered`: it heard the first probe. `recovered`: it hears again after a new socket or an alert. */
  action: 'wait' | 'probe' | 'answered' | 'renew' | 'alert' | 'recovered';
  stage: WatchdogStage;
}>;

const listening: WatchdogStage = { name: 'listening' };

/** What to do about a session whose socket is open: probe, then one new socket, then one alert, then nothing for long. */
export function decideWatchdogAction(
  stage: WatchdogStage,
  facts: WatchdogFacts,
  timeouts: WatchdogTimeouts,
): WatchdogDecision {
  const { nowMs, openedAtMs, businessSinceMs } = facts;
  const wait: WatchdogDecision = { action: 'wait', stage };
  if (stage.name === 'listening') {
    const suspicion = findSuspicion(facts, timeouts);
    if (suspicion === undefined) return wait;
    return { action: 'probe', stage: { name: 'probed', atMs: nowMs, cause: suspicion } };
  }
  const { name, atMs, cause } = stage;
  if (isAnswered(stage, facts, timeouts))
    return { action: name === 'probed' ? 'answered' : 'recovered', stage: listening };
  if (name === 'given_up')
    return nowMs - atMs < timeouts.pauseMs ? wait : { action: 'wait', stage: listening };
  const isOutsideBusinessHours = businessSinceMs === undefined;
  const isNewSocket = openedAtMs > atMs;
  if (name === 'renewed') {
    const isSettled = isNewSocket && nowMs - openedAtMs >= timeouts.settleMs;
    return isSettled && !isOutsideBusinessHours
      ? { action: 'probe', stage: { name: 'probed_again', atMs: nowMs, cause } }
      : wait;
  }
  // The probe was of another socket, or its answer was not waited for.
  if (isOutsideBusinessHours || isNewSocket)
    return { action: 'wait', stage: name === 'probed' ? listening : { name: 'renewed', atMs, cause } };
  if (nowMs - atMs < timeouts.probeTimeoutMs) return wait;
  return name === 'probed'
    ? { action: 'renew', stage: { name: 'renewed', atMs: nowMs, cause } }
    : { action: 'alert', stage: { name: 'given_up', atMs: nowMs, cause } };
}

/** Whether a stanza came since then that had not just waited for the login of the present socket. */
export function receivedSince(
  atMs: number,
  { openedAtMs, lastInboundAtMs }: Pick<WatchdogFacts, 'openedAtMs' | 'lastInboundAtMs'>,
  { settleMs }: Pick<WatchdogTimeouts, 'settleMs'>,
): boolean {
  return lastInboundAtMs !== undefined && lastInboundAtMs >= Math.max(atMs, openedAtMs + settleMs);
}

/** Acknowledgements are an answer where they were what was missing, but end no alert: a deaf session has them too. */
function isAnswered(
  { name, atMs, cause }: EpisodeStage,
  { openedAtMs, lastInboundAtMs, lastAckAtMs }: WatchdogFacts,
  timeouts: WatchdogTimeouts,
): boolean {
  const settleMs = name === 'probed' ? -Infinity : timeouts.settleMs;
  if (receivedSince(atMs, { openedAtMs, lastInboundAtMs }, { settleMs })) return true;
  if (cause !== 'unacknowledged' || name === 'given_up') return false;
  return receivedSince(atMs, { openedAtMs, lastInboundAtMs: lastAckAtMs }, { settleMs });
}

function findSuspicion(facts: WatchdogFacts, timeouts: WatchdogTimeouts): Suspicion | undefined {
  const {
    nowMs,
    openedAtMs,
    lastInboundAtMs,
    businessSinceMs,
    unacknowledged,
    renewedAtMs,
    toleranceFactor,
  } = facts;
  if (businessSinceMs === undefined) return undefined;
  const silentSinceMs = Math.max(openedAtMs, lastInboundAtMs ?? openedAtMs, businessSinceMs);
  if (nowMs - silentSinceMs >= timeouts.silenceMs * toleranceFactor) return 'silence';
  const isUnacknowledged =
    unacknowledged !== undefined &&
    unacknowledged.count >= timeouts.unacknowledgedMessages &&
    nowMs - unacknowledged.sinceMs >= timeouts.unacknowledgedMs &&
    (renewedAtMs === undefined || nowMs - renewedAtMs >= timeouts.renewGapMs);
  return isUnacknowledged ? 'unacknowledged' : undefined;
}
