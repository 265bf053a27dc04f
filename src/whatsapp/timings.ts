export type SessionTimings = Readonly<{
  /** How long Baileys tries to connect. */
  connectTimeoutMs: number;
  /** After this a socket that shows neither a QR code nor a login is given up. Baileys waits for ever after an HTTP error. */
  answerTimeoutMs: number;
  /** How long a pairing socket is kept after WhatsApp asked for a passkey: its owner may scan with another phone. */
  passkeyWaitMs: number;
  keepAliveIntervalMs: number;
  /** How long a number check or a LID lookup may hold up a message. */
  lookupTimeoutMs: number;
  /** How long somebody who asked for a QR code waits for it. */
  firstQrTimeoutMs: number;
  /** How long WhatsApp may take to hear that we log out. */
  logoutTimeoutMs: number;
  backoffFirstMs: number;
  backoffMaxMs: number;
  /** A connection that held this long starts the back-off anew. */
  stableAfterMs: number;
  leaseTtlMs: number;
  leaseRenewEveryMs: number;
  /** Pause before asking again for a lease that another instance holds. */
  leaseRetryMs: number;
  /** Restores after the first few are spread over this time. */
  restoreJitterMs: number;
  /** The same lifetime for every QR code; absent: WhatsApp's own, 60 s for the first and 20 s for the rest. */
  qrLifetimeMs?: number;
}>;

export const defaultTimings: SessionTimings = {
  connectTimeoutMs: 20_000,
  answerTimeoutMs: 30_000,
  passkeyWaitMs: 30_000,
  keepAliveIntervalMs: 30_000,
  lookupTimeoutMs: 10_000,
  firstQrTimeoutMs: 25_000,
  logoutTimeoutMs: 5_000,
  backoffFirstMs: 2_000,
  backoffMaxMs: 60_000,
  stableAfterMs: 60_000,
  leaseTtlMs: 30_000,
  leaseRenewEveryMs: 10_000,
  leaseRetryMs: 5_000,
  restoreJitterMs: 2_000,
};
