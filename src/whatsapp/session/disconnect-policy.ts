import type { SessionState } from '../../domain/company/session-state.ts';

export type Disconnect = Readonly<{
  /** Baileys' status code, or what it has none for. */
  code: number | 'passkey' | 'deaf';
  message: string;
  /** What came with WhatsApp's `failure` stanza. */
  attributes: Readonly<Record<string, string>>;
}>;

/** `pairing`: no phone has linked this session yet, so there is nothing to lose. */
export type SessionPhase = 'pairing' | 'linked';

/** What happened to the session's sockets before, this close included. */
export type RecentDisconnects = Readonly<{
  /** Sockets tried since the last one that held. */
  attempts: number;
  /** How many in a row closed with this code. */
  sameCodeCount: number;
  /** How often another login took the session over within ten minutes. */
  replacements: number;
}>;

export type NextStep =
  /** A new socket at once; the disconnect does not count as a failure. */
  | Readonly<{ action: 'restart' }>
  /** A new socket after the back-off. */
  | Readonly<{ action: 'reconnect' }>
  /** A new socket after this time. */
  | Readonly<{ action: 'retry'; delayMs: number }>
  /** No new socket until somebody asks for one. */
  | Readonly<{ action: 'stop' }>;

export type DisconnectDecision = Readonly<{
  next: NextStep;
  credentials: 'keep' | 'quarantine' | 'erase';
  state: SessionState;
  /** The code, with WhatsApp's own sub-code where it sends one. */
  detail: string;
  /** Whether whoever runs the service should know. */
  alert: boolean;
}>;

const minuteMs = 60_000;
const replacementRetryDelayMs = 30_000;
const refusedVersionDelaysMs = [minuteMs, 5 * minuteMs, 15 * minuteMs] as const;

/** The account asked for a passkey, and none came. */
export const passkeyMissing: Disconnect = {
  code: 'passkey',
  message: 'Passkey not provided',
  attributes: {},
};

/** Nobody closed the socket, but it hears nothing any more. */
export const receiveTimedOut: Disconnect = {
  code: 'deaf',
  message: 'No inbound stanzas received',
  attributes: {},
};
/** Baileys closes a dead socket, which takes half a minute for want of an answer. */
export const closeTimedOut: Disconnect = { code: 408, message: 'Close timed out', attributes: {} };

/** TCP takes many minutes to notice a line that is dead, and Baileys up to one. */
export const pingTimedOut: Disconnect = { code: 408, message: 'Ping timed out', attributes: {} };

/** We end the socket, for a reason of ours. */
export class ForcedDisconnectError extends Error {
  override readonly name = 'SocketGivenUpError';
  readonly disconnect: Disconnect;

  constructor(disconnect: Disconnect) {
    super(disconnect.message);
    this.disconnect = disconnect;
  }
}

/** A pairing may lose its socket this often before it is given up. */
const maxPairingAttempts = 5;
/** Each waits half a minute, so that they cannot all be within the minute in which other closes count as flapping. */
const maxReplacements = 5;
/** A single one says little: it is Baileys' word for every stream error that it does not know. */
const maxUnknownErrors = 5;

const firstDisconnect: RecentDisconnects = { attempts: 0, sameCodeCount: 1, replacements: 1 };

/** What to do when a socket closed, and what to tell the owner. */
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
    // Unlinked on the phone; 406 is an account that is banned or a logout of unknown cause.
    case 401:
    case 406:
      return { ...stop, credentials: phase === 'linked' ? 'quarantine' : 'erase', state: 'logged_out' };
    case 402:
      return { ...stop, ...temporaryBan(disconnect.attributes, phase) };
    case 'passkey':
      return { ...stop, credentials: 'erase', state: 'passkey_required', alert: false };
    // It counts as no failure; when it may happen again is for the deafness policy.
    case 'deaf':
      return { ...reconnect, next: { action: 'retry', delayMs: 0 } };
    // The account is locked, banned, or its main device is gone: a person has to look.
    case 403:
      return { ...stop, state: 'banned' };
    // The announced client version is refused; the alert is the whole fleet's, see `client-version.ts`.
    case 405:
      return { ...reconnect, next: { action: 'retry', delayMs: refusedVersionDelayMs(sameCodeCount) } };
    // Connection lost or timed out, and Baileys' word for "nobody scanned".
    case 408:
      if (phase === 'linked' || !disconnect.message.includes('QR refs')) return reconnect;
      return { ...stop, credentials: 'erase', state: 'qr_expired', alert: false };
    // Another socket logged in with this identity.
    case 440:
      if (replacements >= maxReplacements) return { ...stop, state: 'conflict' };
      return { ...reconnect, next: { action: 'retry', delayMs: replacementRetryDelayMs } };
    case 500:
      return { ...reconnect, alert: sameCodeCount === maxUnknownErrors };
    // Not WhatsApp at the other end; bad user agent; phone app too old; not found; unknown client.
    case 400:
    case 409:
    case 411:
    case 415:
    case 418:
      return { ...stop, state: 'stopped' };
    // 428 closed, 501 and 503 the server restarts.
    default:
      return reconnect;
  }
}

function refusedVersionDelayMs(refusalCount: number): number {
  const index = Math.min(refusalCount, refusedVersionDelaysMs.length) - 1;
  return refusedVersionDelaysMs[index] ?? minuteMs;
}

/** `code` says why (101 unknown people, 102 blocked by users, 104 same message), `expire` for how many seconds. */
function temporaryBan(
  attributes: Readonly<Record<string, string>>,
  phase: SessionPhase,
): Pick<DisconnectDecision, 'state' | 'detail'> & Partial<DisconnectDecision> {
  const expireMs = Number(attributes['expire']) * 1_000;
  const subCode = /^\d{1,4}$/.exec(attributes['code'] ?? '')?.[0];
  const detail = subCode === undefined ? '402' : `402/${subCode}`;
  // Whoever wanted to link a phone will not wait for the end of a ban.
  const willRetry = phase === 'linked' && expireMs > 0;
  return {
    state: 'banned',
    detail,
    ...(willRetry && { next: { action: 'retry', delayMs: expireMs } as const }),
  };
}

/** Reads what Baileys puts into `lastDisconnect.error`. */
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
