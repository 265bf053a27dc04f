export type WatchdogTimeouts = Readonly<{
  /** Time without an inbound stanza, within the business hours of one day, after which a session is probed. */
  silenceMs: number;
  /** A session is probed earlier when this many messages in a row are unacknowledged, the first of them for this long. */
  unacknowledgedMessages: number;
  unacknowledgedMs: number;
  probeTimeoutMs: number;
  /** A new socket receives the offline queue for this long, which proves nothing about live delivery. */
  settleMs: number;
  /** Minimum time between two sockets that are replaced because of unacknowledged messages. */
  minRenewIntervalMs: number;
  /** While a message is unacknowledged, the socket is pinged at this interval, the first time after it. */
  lateAckMs: number;
  pingTimeoutMs: number;
  /** Time after an alert in which the session is neither probed nor renewed. */
  alertPauseMs: number;
}>;

const minuteMs = 60_000;

export const defaultWatchdogTimeouts: WatchdogTimeouts = {
  silenceMs: 120 * minuteMs,
  unacknowledgedMessages: 3,
  unacknowledgedMs: minuteMs,
  probeTimeoutMs: minuteMs,
  settleMs: minuteMs,
  minRenewIntervalMs: 60 * minuteMs,
  lateAckMs: 10_000,
  pingTimeoutMs: 5_000,
  alertPauseMs: 24 * 60 * minuteMs,
};

type Suspicion = 'silence' | 'unacknowledged';

type EpisodeStage = Readonly<{
  name: 'probed' | 'renewed' | 'probed_again' | 'alerted';
  atMs: number;
  cause: Suspicion;
}>;

/** An episode begins with `probed` and ends when a stanza arrives, or `alertPauseMs` after `alerted`. */
export type WatchdogStage = Readonly<{ name: 'idle' }> | EpisodeStage;

/** All times are monotonic milliseconds. */
export type WatchdogFacts = Readonly<{
  nowMs: number;
  /** When the current socket opened. */
  openedAtMs: number;
  /** When the last unsolicited stanza arrived. */
  lastInboundAtMs: number | undefined;
  /** Start of today's business hours; undefined outside business hours, or when they are unknown. */
  businessSinceMs: number | undefined;
  /** Messages sent on the current socket since the last ack, and the send time of the first one. */
  unacknowledged: Readonly<{ count: number; sinceMs: number }> | undefined;
  /** When a message sent on the current socket was last acknowledged. */
  lastAckAtMs: number | undefined;
  /** When the watchdog last replaced a socket. */
  renewedAtMs: number | undefined;
  /** At least 1. Multiplies `silenceMs`, so that the sessions are not all probed at once. */
  toleranceFactor: number;
}>;

export type WatchdogDecision = Readonly<{
  /** `answered`: a stanza followed the first probe. `recovered`: one arrived after the socket was replaced or an alert. */
  action: 'wait' | 'probe' | 'answered' | 'renew' | 'alert' | 'recovered';
  stage: WatchdogStage;
}>;

const idle: WatchdogStage = { name: 'idle' };

/** Decides the next step for a session with an open socket: probe, renew the socket once, probe again, alert, pause. */
export function decideWatchdogAction(
  stage: WatchdogStage,
  facts: WatchdogFacts,
  timeouts: WatchdogTimeouts,
): WatchdogDecision {
  const { nowMs, openedAtMs, businessSinceMs } = facts;
  const wait: WatchdogDecision = { action: 'wait', stage };
  if (stage.name === 'idle') {
    const suspicion = findSuspicion(facts, timeouts);
    if (suspicion === undefined) return wait;
    return { action: 'probe', stage: { name: 'probed', atMs: nowMs, cause: suspicion } };
  }
  const { name, atMs, cause } = stage;
  if (isAnswered(stage, facts, timeouts))
    return { action: name === 'probed' ? 'answered' : 'recovered', stage: idle };
  if (name === 'alerted')
    return nowMs - atMs < timeouts.alertPauseMs ? wait : { action: 'wait', stage: idle };
  const isOutsideBusinessHours = businessSinceMs === undefined;
  const isNewSocket = openedAtMs > atMs;
  if (name === 'renewed') {
    const isSettled = isNewSocket && nowMs - openedAtMs >= timeouts.settleMs;
    return isSettled && !isOutsideBusinessHours
      ? { action: 'probe', stage: { name: 'probed_again', atMs: nowMs, cause } }
      : wait;
  }
  // The probe was sent on an earlier socket, or business hours ended before its timeout.
  if (isOutsideBusinessHours || isNewSocket)
    return { action: 'wait', stage: name === 'probed' ? idle : { name: 'renewed', atMs, cause } };
  if (nowMs - atMs < timeouts.probeTimeoutMs) return wait;
  return name === 'probed'
    ? { action: 'renew', stage: { name: 'renewed', atMs: nowMs, cause } }
    : { action: 'alert', stage: { name: 'alerted', atMs: nowMs, cause } };
}

/** Whether a stanza has arrived since `atMs` that did not come from the offline queue of the current socket. */
export function receivedSince(
  atMs: number,
  { openedAtMs, lastInboundAtMs }: Pick<WatchdogFacts, 'openedAtMs' | 'lastInboundAtMs'>,
  { settleMs }: Pick<WatchdogTimeouts, 'settleMs'>,
): boolean {
  return lastInboundAtMs !== undefined && lastInboundAtMs >= Math.max(atMs, openedAtMs + settleMs);
}

/** Acks end only an episode that missing acks began, and no alert: a session that receives nothing still gets acks. */
function isAnswered(
  { name, atMs, cause }: EpisodeStage,
  { openedAtMs, lastInboundAtMs, lastAckAtMs }: WatchdogFacts,
  timeouts: WatchdogTimeouts,
): boolean {
  const settleMs = name === 'probed' ? -Infinity : timeouts.settleMs;
  if (receivedSince(atMs, { openedAtMs, lastInboundAtMs }, { settleMs })) return true;
  if (cause !== 'unacknowledged' || name === 'alerted') return false;
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
    (renewedAtMs === undefined || nowMs - renewedAtMs >= timeouts.minRenewIntervalMs);
  return isUnacknowledged ? 'unacknowledged' : undefined;
}
