import { type DefaultEventsMap, Server } from 'socket.io';
import { type IpRateLimiter, MemoryIpRateLimiter } from '../lib/net/ip-rate-limiter.ts';
import { type AllowRequestDeps, createAllowRequest } from './allow-request.ts';
import type { ClientEvents, MarketplaceSocketServer, ServerEvents, SocketData } from './events.ts';

/** Connections of one address in a window. */
const socketLimits = {
  /** Handshakes of the namespace. */
  connections: { points: 5, windowSeconds: 60 },
  /** Transports below them, counted before anybody has said who they are. */
  transports: { points: 60, windowSeconds: 60 },
} as const;

export type SocketLimiters = Readonly<{
  connectionLimiter: IpRateLimiter;
  transportLimiter: IpRateLimiter;
}>;

/** Limiters that count in this process. */
export function createSocketLimiters(): SocketLimiters {
  return {
    connectionLimiter: new MemoryIpRateLimiter(socketLimits.connections),
    transportLimiter: new MemoryIpRateLimiter(socketLimits.transports),
  };
}

const maxMessageBytes = 16 * 1024;
const connectTimeoutMs = 5_000;

/** Socket.IO with this product's limits, not attached to a server yet. It also serves its own client script. */
export function createSocketServer(deps: AllowRequestDeps): MarketplaceSocketServer {
  return new Server<ClientEvents, ServerEvents, DefaultEventsMap, SocketData>({
    allowRequest: createAllowRequest(deps),
    cors: { origin: [...deps.allowedOrigins] },
    maxHttpBufferSize: maxMessageBytes,
    connectTimeout: connectTimeoutMs,
  });
}
