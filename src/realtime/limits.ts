/** Limits of the Socket.IO server. A transport is an engine.io connection; an IPv6 /64 is one address. */
export type SocketLimits = Readonly<{
  /** Namespace handshakes per address. */
  connections: Readonly<{ points: number; windowSeconds: number }>;
  /** Transport handshakes per address, counted before authentication. */
  transports: Readonly<{ points: number; windowSeconds: number }>;
  /** Transports open at the same time. */
  openTransports: Readonly<{ perAddress: number; total: number }>;
  /** Packets per transport of any type and namespace, WebSocket pings included. One more closes the transport. */
  packets: Readonly<{ max: number; windowMs: number }>;
  /** Events per client of the namespace: beyond `max` refused, beyond `maxBeforeDisconnect` disconnected. */
  events: Readonly<{ max: number; maxBeforeDisconnect: number; windowMs: number }>;
  maxMessageBytes: number;
  /** Time that a transport may spend outside the namespace. */
  connectTimeoutMs: number;
  /** Time for the client to close by itself: after a refused handshake, and its WebSocket after the transport. */
  closeGraceMs: number;
}>;

export const socketLimits: SocketLimits = {
  connections: { points: 5, windowSeconds: 60 },
  transports: { points: 60, windowSeconds: 60 },
  // Pages without a token leave after connectTimeoutMs, so 50 are owners' pages: several salons behind one carrier NAT.
  // The total is 20 pages for each of the 100 simultaneous pairings.
  openTransports: { perAddress: 50, total: 2000 },
  // Room for 100 events, the handshake, the upgrade and heartbeats: the limit of events applies first.
  packets: { max: 120, windowMs: 10_000 },
  events: { max: 20, maxBeforeDisconnect: 100, windowMs: 10_000 },
  maxMessageBytes: 16 * 1024,
  connectTimeoutMs: 5_000,
  closeGraceMs: 1_000,
};
