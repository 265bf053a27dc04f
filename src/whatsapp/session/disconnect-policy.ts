import type { SessionState } from '../../domain/company/session-state.ts';

export type Disconnect = Readonly<{
  /** Baileys' status code; `passkey` and `deaf` are ours. */
  code: number | 'passkey' | 'deaf';
  message: string;
  /** Attributes of WhatsApp's `failure` stanza. */
  attributes: Readonly<Record<string, string>>;
}>;

/** `pairing`: no phone has linked this session yet, so its credentials are worthless. */
export type SessionPhase = 'pairing' | 'linked';

/** Counts over the session's recent sockets, the current disconnect included. */
export type RecentDisconnects = Readonly<{
  /** Reconnect attempts since the last stable connection. */
  attempts: number;
  /** Consecutive disconnects with this code. */
  sameCodeCount: number;
  /** Replacements by another login (440) within ten minutes. */
  replacements: number;
}>;

export type NextStep =
  /** A new socket at once; the disconnect does not count as a failure. */
  | Readonly<{ action: 'restart' }>
  /** A new socket after the back-off. */
  | Readonly<{ action: 'reconnect' }>
  /** A new socket after this delay. */
  | Readonly<{ action: 'retry'; delayMs: number }>
  /** No new socket until one is requested. */
  | Readonly<{ action: 'stop' }>;

export type DisconnectDecision = Readonly<{
  next: NextStep;
  credentials: 'keep' | 'quarantine' | 'erase';
  state: SessionState;
  /** The code, with WhatsApp's sub-code if there is one: `402/101`. */
  detail: string;
  /** Whether to alert the operator. */
  alert: boolean;
}>;

const minuteMs = 60_000;
const replacementRetryDelayMs = 30_000;
const refusedVersionDelaysMs = [minuteMs, 5 * minuteMs, 15 * minuteMs] as const;

/** WhatsApp required a passkey, which this device cannot provide. */
export const passkeyMissing: Disconnect = {
  code: 'passkey',
  message: 'Passkey not provided',
  attributes: {},
};

/** The socket is open but receives nothing. */
export const receiveTimedOut: Disconnect = {
  code: 'deaf',
  message: 'No inbound stanzas received',
  attributes: {},
};

/** Baileys is closing an unresponsive socket, which takes it 30 s. */
export const closeTimedOut: Disconnect = { code: 408, message: 'Close timed out', attributes: {} };

/** The peer is unreachable. TCP detects that after many minutes, Baileys after up to one. */
export const pingTimedOut: Disconnect = { code: 408, message: 'Ping timed out', attributes: {} };

/** Reason of a `connection.update` with which we close a socket ourselves. */
export class ForcedDisconnectError extends Error {
  override readonly name = 'ForcedDisconnectError';
  readonly disconnect: Disconnect;

  constructor(disconnect: Disconnect) {
    super(disconnect.message);
    this.disconnect = disconnect;
  }
}

/** A pairing ends when it has lost its socket this often. */
const maxPairingAttempts = 5;
/** With 30 s between attempts, replacements never reach the flapping threshold of six a minute. */
const maxReplacements = 5;
/** Baileys uses 500 for every unknown stream error, so only a series raises an alert. */
const maxUnknownErrors = 5;

const firstDisconnect: RecentDisconnects = { attempts: 0, sameCodeCount: 1, replacements: 1 };

/** The next step after a disconnect, and the session state shown to the owner. */
export function decideAfterDisconnect(
  disconnect: Disconnect,
  phase: SessionPhase,
  recent: RecentDisconnects = firstDisconnect,
): DisconnectDecision {
  const decision = decideByCode(disconnect, phase, recent);
  const { action } = decision.next;
  const isExhausted =
    phase === 'pairing' &&
    recent.attempts >= maxPairingAttempts &&
    (action === 'reconnect' || action === 'retry');
  return isExhausted ? { ...decision, next: { action: 'stop' }, state: 'idle' } : decision;
}

/** The codes are Baileys' `DisconnectReason` and, for those it does not name, whatsmeow's `ConnectFailureReason`. */
function decideByCode(
  disconnect: Disconnect,
  phase: SessionPhase,
  { sameCodeCount, replacements }: RecentDisconnects,
): DisconnectDecision {
  const detail = String(disconnect.code);
  const reconnect = {
    next: { action: 'reconnect' },
    credentials: 'keep',
    state: phase === 'linked' ? 'reconnecting' : 'pairing',
    detail,
    alert: false,
  } as const;
  const stop = { ...reconnect, next: { action: 'stop' }, alert: true } as const;
  switch (disconnect.code) {
    // Restart required: the normal end of a pairing.
    case 515:
      return { ...reconnect, next: { action: 'restart' }, state: 'connecting' };
    // 401 unlinked on the phone; 406 account banned or logged out for an unknown reason.
    case 401:
    case 406:
      return { ...stop, credentials: phase === 'linked' ? 'quarantine' : 'erase', state: 'logged_out' };
    case 402:
      return { ...stop, ...temporaryBan(disconnect.attributes, phase) };
    case 'passkey':
      return { ...stop, credentials: 'erase', state: 'passkey_required', alert: false };
    // No back-off: the watchdog policy limits how often this happens.
    case 'deaf':
      return { ...reconnect, next: { action: 'retry', delayMs: 0 } };
    // Account locked or banned, or primary device gone: only the owner can resolve it.
    case 403:
      return { ...stop, state: 'banned' };
    // Client version refused; `client-version.ts` raises one alert for all sessions.
    case 405:
      return { ...reconnect, next: { action: 'retry', delayMs: refusedVersionDelayMs(sameCodeCount) } };
    // Connection lost or timed out; Baileys also uses it when all QR codes have expired.
    case 408:
      if (phase === 'linked' || !disconnect.message.includes('QR refs')) return reconnect;
      return { ...stop, credentials: 'erase', state: 'qr_expired', alert: false };
    // Another socket logged in with this identity.
    case 440:
      if (replacements >= maxReplacements) return { ...stop, state: 'conflict' };
      return { ...reconnect, next: { action: 'retry', delayMs: replacementRetryDelayMs } };
    case 500:
      return { ...reconnect, alert: sameCodeCount === maxUnknownErrors };
    // 400 not a WhatsApp server, 409 bad user agent, 411 phone app too old, 415 not found, 418 unknown client.
    case 400:
    case 409:
    case 411:
    case 415:
    case 418:
      return { ...stop, state: 'stopped' };
    // 428 connection closed, 501 and 503 server restart.
    default:
      return reconnect;
  }
}

function refusedVersionDelayMs(refusalCount: number): number {
  const index = Math.min(refusalCount, refusedVersionDelaysMs.length) - 1;
  return refusedVersionDelaysMs[index] ?? minuteMs;
}

/** `code`: 101 messages to strangers, 102 blocked by users, 104 identical messages. `expire`: the seconds left. */
function temporaryBan(
  attributes: Readonly<Record<string, string>>,
  phase: SessionPhase,
): Pick<DisconnectDecision, 'state' | 'detail'> & Partial<DisconnectDecision> {
  const expireMs = Number(attributes['expire']) * 1_000;
  const subCode = /^\d{1,4}$/.exec(attributes['code'] ?? '')?.[0];
  const detail = subCode === undefined ? '402' : `402/${subCode}`;
  // Do not retry a pairing after a ban.
  const willRetry = phase === 'linked' && expireMs > 0;
  return {
    state: 'banned',
    detail,
    ...(willRetry && { next: { action: 'retry', delayMs: expireMs } as const }),
  };
}

/** Parses Baileys' `lastDisconnect.error`, a Boom error. */
export function parseDisconnect(error: unknown): Disconnect {
  if (error instanceof ForcedDisconnectError) return error.disconnect;
  const message = error instanceof Error ? error.message : 'closed';
  const output = readProperty(error, 'output');
  const code = readProperty(output, 'statusCode');
  const data = readProperty(error, 'data');
  const attributes = typeof data === 'object' && data !== null ? Object.entries(data) : [];
  return {
    code: typeof code === 'number' ? code : 500,
    message,
    attributes: Object.fromEntries(attributes.filter((entry) => typeof entry[1] === 'string')),
  };
}

function readProperty(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}
