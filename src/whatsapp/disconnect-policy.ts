import type { SessionState } from '../domain/session-state.ts';

export type Disconnect = Readonly<{
  /** Baileys' status code, or what it has none for. */
  code: number | 'passkey';
  message: string;
  /** What came with WhatsApp's `failure` stanza. */
  attributes: Readonly<Record<string, string>>;
}>;

/** `pairing`: no phone has linked this session yet, so there is nothing to lose. */
export type SessionPhase = 'pairing' | 'linked';

export type NextStep =
  /** A new socket at once; the disconnect does not count as a failure. */
  | Readonly<{ action: 'restart' }>
  /** A new socket after the back-off. */
  | Readonly<{ action: 'reconnect' }>
  /** A new socket after the first of these delays, then the next; the last one repeats. */
  | Readonly<{ action: 'retry'; delaysMs: readonly number[] }>
  | Readonly<{ action: 'stop' }>;

export type DisconnectDecision = Readonly<{
  next: NextStep;
  keepCredentials: boolean;
  state: SessionState;
  /** The code, with WhatsApp's own sub-code where it sends one. */
  detail: string;
}>;

const restart = { action: 'restart' } as const;
const reconnect = { action: 'reconnect' } as const;
const stop = { action: 'stop' } as const;

const afterReplacement = { action: 'retry', delaysMs: [30_000] } as const;
const afterRefusedVersion = { action: 'retry', delaysMs: [60_000, 300_000, 900_000] } as const;

/** The account asked for a passkey, and none came. */
export const passkeyMissing: Disconnect = { code: 'passkey', message: 'No passkey', attributes: {} };

/** A pairing may lose its socket this often before it is given up. */
const pairingTries = 5;

/**
 * What to do when a socket closed, and what to tell the owner.
 * @param tries sockets tried since the last one that held
 */
export function decideAfterDisconnect(
  disconnect: Disconnect,
  phase: SessionPhase,
  tries = 0,
): DisconnectDecision {
  const decision = decideByCode(disconnect, phase);
  const { action } = decision.next;
  const isGivenUp =
    phase === 'pairing' && tries >= pairingTries && (action === 'reconnect' || action === 'retry');
  return isGivenUp ? { ...decision, next: stop, state: 'idle' } : decision;
}

/** The codes are Baileys' `DisconnectReason` and, for those it does not name, whatsmeow's `ConnectFailureReason`. */
function decideByCode(disconnect: Disconnect, phase: SessionPhase): DisconnectDecision {
  const detail = String(disconnect.code);
  const waiting = phase === 'linked' ? 'reconnecting' : 'pairing';
  switch (disconnect.code) {
    // Restart required: the normal end of a pairing.
    case 515:
      return { next: restart, keepCredentials: true, state: 'connecting', detail };
    // Unlinked on the phone; 406 is an account that is banned or a logout of unknown cause.
    case 401:
    case 406:
      return { next: stop, keepCredentials: false, state: 'logged_out', detail };
    case 402:
      return temporaryBan(disconnect.attributes);
    case 'passkey':
      return { next: stop, keepCredentials: false, state: 'passkey_required', detail };
    // The account is locked, banned, or its main device is gone: a person has to look.
    case 403:
      return { next: stop, keepCredentials: true, state: 'banned', detail };
    // The announced client version is refused.
    case 405:
      return { next: afterRefusedVersion, keepCredentials: true, state: waiting, detail };
    // Connection lost or timed out, and Baileys' word for "nobody scanned".
    case 408:
      if (phase === 'pairing' && disconnect.message.includes('QR refs')) {
        return { next: stop, keepCredentials: false, state: 'qr_expired', detail };
      }
      return { next: reconnect, keepCredentials: true, state: waiting, detail };
    // Another socket logged in with this identity.
    case 440:
      return { next: afterReplacement, keepCredentials: true, state: 'conflict', detail };
    // Not WhatsApp at the other end; bad user agent; phone app too old; not found; unknown client.
    case 400:
    case 409:
    case 411:
    case 415:
    case 418:
      return { next: stop, keepCredentials: true, state: 'stopped', detail };
    // 428 closed, 500 any unknown stream error, 501 and 503 the server restarts.
    default:
      return { next: reconnect, keepCredentials: true, state: waiting, detail };
  }
}

/** `code` says why (101 unknown people, 102 blocked by users, 104 same message), `expire` for how many seconds. */
function temporaryBan(attributes: Readonly<Record<string, string>>): DisconnectDecision {
  const expireMs = Number(attributes['expire']) * 1_000;
  const next: NextStep = expireMs > 0 ? { action: 'retry', delaysMs: [expireMs] } : stop;
  const cause = /^\d{1,4}$/.exec(attributes['code'] ?? '')?.[0];
  const detail = cause === undefined ? '402' : `402/${cause}`;
  return { next, keepCredentials: true, state: 'banned', detail };
}

/** Reads what Baileys puts into `lastDisconnect.error`. */
export function disconnectFrom(error: unknown): Disconnect {
  const message = error instanceof Error ? error.message : 'closed';
  const output = propertyOf(error, 'output');
  const code = propertyOf(output, 'statusCode');
  const data = propertyOf(error, 'data');
  const attributes = typeof data === 'object' && data !== null ? Object.entries(data) : [];
  return {
    code: typeof code === 'number' ? code : 500,
    message,
    attributes: Object.fromEntries(attributes.filter((entry) => typeof entry[1] === 'string')),
  };
}

function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}
