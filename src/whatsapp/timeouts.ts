export type SessionTimeouts = Readonly<{
  /** How long Baileys tries to connect. */
  connectTimeoutMs: number;
  /** After this a socket that shows neither a QR code nor a login is given up. Baileys waits for ever after an HTTP error. */
  responseTimeoutMs: number;
  /** How long a pairing socket is kept after WhatsApp asked for a passkey: its owner may scan with another phone. */
  passkeyTimeoutMs: number;
  keepAliveIntervalMs: number;
  /** How long a number check or a LID lookup may hold up a message, and the answer about a time-lock is waited for. */
  lookupTimeoutMs: number;
  /** How long somebody who asked for a QR code waits for it. */
  firstQrTimeoutMs: number;
  /** How long WhatsApp may take to hear that we log out. */
  logoutTimeoutMs: number;
  backoffBaseMs: number;
  backoffMaxMs: number;
  /** The cap once it has gone on for long. */
  backoffLongMaxMs: number;
  /** A connection that held this long starts the back-off anew. */
  stableAfterMs: number;
  /** How long a session that opens and closes all the time is left alone, at least; twice that at most. */
  flappingCooldownMs: number;
  /** How long a session that no phone has linked is kept. */
  unlinkedTtlMs: number;
  leaseTtlMs: number;
  leaseRenewIntervalMs: number;
  /** Pause before asking again for a lease that another instance holds. */
  leaseRetryDelayMs: number;
  /** The same lifetime for every QR code; absent: WhatsApp's own, 60 s for the first and 20 s for the rest. */
  qrLifetimeMs?: number;
}>;

export const defaultTimeouts: SessionTimeouts = {
  connectTimeoutMs: 20_000,
  responseTimeoutMs: 30_000,
  passkeyTimeoutMs: 30_000,
  keepAliveIntervalMs: 30_000,
  lookupTimeoutMs: 10_000,
  firstQrTimeoutMs: 25_000,
  logoutTimeoutMs: 5_000,
  backoffBaseMs: 2_000,
  backoffMaxMs: 60_000,
  backoffLongMaxMs: 300_000,
  stableAfterMs: 60_000,
  flappingCooldownMs: 300_000,
  unlinkedTtlMs: 30 * 60_000,
  leaseTtlMs: 30_000,
  leaseRenewIntervalMs: 10_000,
  leaseRetryDelayMs: 5_000,
};
