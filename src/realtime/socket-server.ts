import type { Server as HttpServer } from 'node:http';
import { type DefaultEventsMap, Server } from 'socket.io';
import { type IpRateLimiter, MemoryIpRateLimiter } from '../lib/net/ip-rate-limiter.ts';
import { type AllowRequestDeps, createAllowRequest } from './allow-request.ts';
import type { ClientEvents, MarketplaceSocketServer, ServerEvents, SocketData } from './events.ts';
import { type SocketLimits, socketLimits } from './limits.ts';
import { TransportGuard, type TransportGuardDeps } from './transport-guard.ts';

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

export type SocketServerDeps = Omit<AllowRequestDeps, 'openTransports'> &
  TransportGuardDeps &
  Readonly<{ httpServer: HttpServer }>;

/** Attaches a Socket.IO server with our limits to the HTTP server. It also serves the client script. */
export function createSocketServer(
  deps: SocketServerDeps,
  limits: SocketLimits = socketLimits,
): MarketplaceSocketServer {
  const guard = new TransportGuard(deps, limits);
  const io = new Server<ClientEvents, ServerEvents, DefaultEventsMap, SocketData>({
    allowRequest: createAllowRequest({ ...deps, openTransports: guard }),
    cors: { origin: [...deps.allowedOrigins] },
    maxHttpBufferSize: limits.maxMessageBytes,
    connectTimeout: limits.connectTimeoutMs,
  });
  io.attach(deps.httpServer);
  guard.watch(io);
  return io;
}
