import { type DefaultEventsMap, Server } from 'socket.io';
import { type IpRateLimiter, MemoryIpRateLimiter } from '../lib/net/ip-rate-limiter.ts';
import { type AllowRequestDeps, createAllowRequest } from './allow-request.ts';
import type { ClientEvents, MarketplaceSocketServer, ServerEvents, SocketData } from './events.ts';

/** Connections per IP and window. */
const socketLimits = {
  /** Namespace handshakes. */
  connections: { points: 5, windowSeconds: 60 },
  /** Underlying transports, counted before authentication. */
  transports: { points: 60, windowSeconds: 60 },
} as const;

export type SocketLimiters = Readonly<{
  connectionLimiter: IpRateLimiter;
  transportLimiter: IpRateLimiter;
}>;

/** Limiters that count in the memory of this process. */
export function createSocketLimiters(): SocketLimiters {
  return {
    connectionLimiter: new MemoryIpRateLimiter(socketLimits.connections),
    transportLimiter: new MemoryIpRateLimiter(socketLimits.transports),
  };
}

const maxMessageBytes = 16 * 1024;
const connectTimeoutMs = 5_000;

/** A Socket.IO server with our limits, not yet attached to an HTTP server. It also serves the client script. */
export function createSocketServer(deps: AllowRequestDeps): MarketplaceSocketServer {
  return new Server<ClientEvents, ServerEvents, DefaultEventsMap, SocketData>({
    allowRequest: createAllowRequest(deps),
    cors: { origin: [...deps.allowedOrigins] },
    maxHttpBufferSize: maxMessageBytes,
    connectTimeout: connectTimeoutMs,
  });
}
