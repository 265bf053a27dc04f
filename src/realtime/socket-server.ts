import { type DefaultEventsMap, Server } from 'socket.io';
import { type IpRateLimiter, MemoryIpRateLimiter } from '../lib/net/ip-rate-limiter.ts';
import { type AllowRequestDeps, createAllowRequest } from './allow-request.ts';
import type { ClientEvents, MarketplaceSocketServer, ServerEvents, SocketData } from './events.ts';
import { socketLimits } from './limits.ts';

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

/** A Socket.IO server with our limits, not yet attached to an HTTP server. It also serves the client script. */
export function createSocketServer(deps: AllowRequestDeps): MarketplaceSocketServer {
  return new Server<ClientEvents, ServerEvents, DefaultEventsMap, SocketData>({
    allowRequest: createAllowRequest(deps),
    cors: { origin: [...deps.allowedOrigins] },
    maxHttpBufferSize: socketLimits.maxMessageBytes,
    connectTimeout: socketLimits.connectTimeoutMs,
  });
}
