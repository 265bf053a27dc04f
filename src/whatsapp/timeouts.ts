/** Durations of a session. */
export type SessionTimeouts = Readonly<{
  /** Baileys' limit for the WebSocket handshake. */
  connectTimeoutMs: number;
  /** A socket without a QR code or a login is closed after this time: Baileys has no limit after an HTTP error. */
  responseTimeoutMs: number;
  /** How long a pairing socket stays open after WhatsApp required a passkey: the owner may scan with another phone. */
  passkeyTimeoutMs: number;
  keepAliveIntervalMs: number;
  /** Limit for a number check, a LID lookup, a pairing code request or a reachout timelock query. */
  lookupTimeoutMs: number;
  /** How long a request for a QR code waits for the first one. */
  firstQrTimeoutMs: number;
  /** How long a logout waits for WhatsApp's response. */
  logoutTimeoutMs: number;
  backoffBaseMs: number;
  backoffMaxMs: number;
  /** The cap after about three minutes of failed attempts. */
  backoffLongMaxMs: number;
  /** A connection that was open this long resets the back-off. */
  stableAfterMs: number;
  /** Minimum pause of a flapping session; the maximum is twice that. */
  flappingCooldownMs: number;
  /** How long a session without a linked device stays in memory. */
  unlinkedTtlMs: number;
  leaseTtlMs: number;
  leaseRenewIntervalMs: number;
  /** Mean delay before the next attempt to acquire a lease that another instance holds. */
  leaseRetryDelayMs: number;
  /** One lifetime for all QR codes. Default: WhatsApp's own, 60 s for the first and 20 s for the others. */
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
