export type DeafnessTimings = Readonly<{
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

export const defaultDeafnessTimings: DeafnessTimings = {
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
  because: Suspicion;
}>;

/** Where a session stands. An episode begins with `probed` and ends with an answer, or a pause after `given_up`. */
export type DeafnessStage = Readonly<{ name: 'listening' }> | EpisodeStage;

/** All by one clock that never jumps. */
export type DeafnessFacts = Readonly<{
  nowMs: number;
  /** When the present socket opened. */
  openedAtMs: number;
  /** When the last stanza came that nobody had asked for. */
  heardAtMs: number | undefined;
  /** When the present business hours began; undefined outside of them. */
  businessSinceMs: number | undefined;
  /** Messages of ours on the present socket since the last one that was acknowledged, and when the first of them left. */
  unacknowledged: Readonly<{ count: number; sinceMs: number }> | undefined;
  /** When a message of ours on the present socket was last acknowledged. */
  acknowledgedAtMs: number | undefined;
  /** When a socket was last given up as deaf. */
  renewedAtMs: number | undefined;
  /** From 1 up: how much longer than the others this session is borne with, so that not all are suspected at once. */
  patience: number;
}>;

export type DeafnessDecision = Readonly<{
  /** `answered`: it heard the first probe. `recovered`: it hears again after a new socket or an alert. */
  action: 'wait' | 'probe' | 'answered' | 'renew' | 'alert' | 'recovered';
  stage: DeafnessStage;
}>;

const listening: DeafnessStage = { name: 'listening' };

/** What to do about a session whose socket is open: probe, then one new socket, then one alert, then nothing for long. */
export function decideDeafness(
  stage: DeafnessStage,
  facts: DeafnessFacts,
  timings: DeafnessTimings,
): DeafnessDecision {
  const { nowMs, openedAtMs, businessSinceMs } = facts;
  const wait: DeafnessDecision = { action: 'wait', stage };
  if (stage.name === 'listening') {
    const suspicion = suspicionOf(facts, timings);
    if (suspicion === undefined) return wait;
    return { action: 'probe', stage: { name: 'probed', atMs: nowMs, because: suspicion } };
  }
  const { name, atMs, because } = stage;
  if (isAnswered(stage, facts, timings))
    return { action: name === 'probed' ? 'answered' : 'recovered', stage: listening };
  if (name === 'given_up')
    return nowMs - atMs < timings.pauseMs ? wait : { action: 'wait', stage: listening };
  const isNight = businessSinceMs === undefined;
  const isOtherSocket = openedAtMs > atMs;
  if (name === 'renewed') {
    const isSettled = isOtherSocket && nowMs - openedAtMs >= timings.settleMs;
    return isSettled && !isNight
      ? { action: 'probe', stage: { name: 'probed_again', atMs: nowMs, because } }
      : wait;
  }
  // The probe was of another socket, or its answer was not waited for.
  if (isNight || isOtherSocket)
    return { action: 'wait', stage: name === 'probed' ? listening : { name: 'renewed', atMs, because } };
  if (nowMs - atMs < timings.probeTimeoutMs) return wait;
  return name === 'probed'
    ? { action: 'renew', stage: { name: 'renewed', atMs: nowMs, because } }
    : { action: 'alert', stage: { name: 'given_up', atMs: nowMs, because } };
}

/** Whether a stanza came since then that had not just waited for the login of the present socket. */
export function hearsSince(
  atMs: number,
  { openedAtMs, heardAtMs }: Pick<DeafnessFacts, 'openedAtMs' | 'heardAtMs'>,
  { settleMs }: Pick<DeafnessTimings, 'settleMs'>,
): boolean {
  return heardAtMs !== undefined && heardAtMs >= Math.max(atMs, openedAtMs + settleMs);
}

/** Acknowledgements are an answer where they were what was missing, but end no alert: a deaf session has them too. */
function isAnswered(
  { name, atMs, because }: EpisodeStage,
  { openedAtMs, heardAtMs, acknowledgedAtMs }: DeafnessFacts,
  timings: DeafnessTimings,
): boolean {
  const settleMs = name === 'probed' ? -Infinity : timings.settleMs;
  if (hearsSince(atMs, { openedAtMs, heardAtMs }, { settleMs })) return true;
  if (because !== 'unacknowledged' || name === 'given_up') return false;
  return hearsSince(atMs, { openedAtMs, heardAtMs: acknowledgedAtMs }, { settleMs });
}

function suspicionOf(facts: DeafnessFacts, timings: DeafnessTimings): Suspicion | undefined {
  const { nowMs, openedAtMs, heardAtMs, businessSinceMs, unacknowledged, renewedAtMs, patience } = facts;
  if (businessSinceMs === undefined) return undefined;
  const silentSinceMs = Math.max(openedAtMs, heardAtMs ?? openedAtMs, businessSinceMs);
  if (nowMs - silentSinceMs >= timings.silenceMs * patience) return 'silence';
  const isUnacknowledged =
    unacknowledged !== undefined &&
    unacknowledged.count >= timings.unacknowledgedMessages &&
    nowMs - unacknowledged.sinceMs >= timings.unacknowledgedMs &&
    (renewedAtMs === undefined || nowMs - renewedAtMs >= timings.renewGapMs);
  return isUnacknowledged ? 'unacknowledged' : undefined;
}
