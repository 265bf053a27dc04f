import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ManagerOptions, type Socket, type SocketOptions, io } from 'socket.io-client';
import type { CompanyId } from '../../../src/domain/ids.ts';
import type { WhatsAppEvents } from '../../../src/ports/ports.ts';
import { MemoryAddressLimiter } from '../../../src/lib/net/ip-rate-limiter.ts';
import { MarketplaceSocket, type MarketplaceSocketDeps } from '../../../src/realtime/marketplace-socket.ts';
import { createSocketServer } from '../../../src/realtime/socket-server.ts';
import { captureLog, type CapturedLog } from '../checkers/captured-log.ts';
import { token, validateToken } from '../fixtures/test-companies.ts';

export const allowedOrigin = 'https://allowed.example';

/** The edge's clock stands still here. */
export const now = new Date('2026-04-01T10:00:00Z');

export type SocketEdgeChanges = Readonly<{
  service?: Partial<MarketplaceSocketDeps['service']>;
  connectionsPerMinute?: number;
  transportsPerMinute?: number;
  trustProxy?: number;
}>;

export type SocketEdge = AsyncDisposable &
  Readonly<{
    url: string;
    log: CapturedLog;
    /** Plays the sessions: what is emitted here, `BaileysManager` would emit. */
    sessions: EventEmitter<WhatsAppEvents>;
    /** Plays the uninstallations that take the tokens of a company away. */
    revocations: EventEmitter<{ revoked: [companyId: CompanyId] }>;
    /** Texts of the QR codes that were drawn. */
    drawn: readonly string[];
    open(options?: Partial<ManagerOptions & SocketOptions>): Viewer;
  }>;

/** A page that watches: its socket, and everything the server told it. */
export type Viewer = Readonly<{
  socket: Socket;
  events: readonly Readonly<{ name: string; payload: unknown }>[];
  refusals: readonly (Error & { data?: unknown })[];
  payloadsOf(name: string): unknown[];
}>;

/** The Socket.IO edge on a free port, its use cases kept in memory. */
export async function startSocketEdge(changes: SocketEdgeChanges = {}): Promise<SocketEdge> {
  const log = captureLog();
  const sessions = new EventEmitter<WhatsAppEvents>();
  const revocations = new EventEmitter<{ revoked: [companyId: CompanyId] }>();
  const drawn: string[] = [];
  const viewers: Socket[] = [];
  const trustProxy = changes.trustProxy ?? 0;
  const transportLimiter = limiterOf(changes.transportsPerMinute);
  const socketServer = createSocketServer({
    allowedOrigins: [allowedOrigin],
    trustProxy,
    transportLimiter,
    logger: log,
  });
  const server = createServer();
  socketServer.attach(server);
  const marketplace = new MarketplaceSocket(socketServer, {
    service: {
      validateToken,
      renderQR: async (code) => {
        drawn.push(code.text);
        return { ...code, qr: `data:image/png;base64,${btoa(code.text)}` };
      },
      generateQR: async () => ({ qr: 'data:', text: 'asked', sequence: 1, expiresAt: inSeconds(20) }),
      requestPairingCode: async (companyId, phone) =>
        sessions.emit('pairing-code', companyId, { code: 'ABCD1234', phone, expiresAt: inSeconds(60) }),
      sessionStatus: async () => ({ state: 'idle', since: new Date(0) }),
      ...changes.service,
    },
    sessions,
    revocations,
    connectionLimiter: limiterOf(changes.connectionsPerMinute),
    transportLimiter,
    trustProxy,
    logger: log,
    now: () => now,
    monotonicMs: () => performance.now(),
  });
  marketplace.setupHandlers();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    log,
    sessions,
    revocations,
    drawn,
    open: (options) => {
      const viewer = openViewer(url, options);
      viewers.push(viewer.socket);
      return viewer;
    },
    [Symbol.asyncDispose]: async () => {
      for (const viewer of viewers) viewer.disconnect();
      marketplace[Symbol.dispose]();
      await socketServer.close();
    },
  };
}

export function inSeconds(seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000);
}

function openViewer(url: string, options: Partial<ManagerOptions & SocketOptions> = {}): Viewer {
  const socket = io(`${url}/marketplace`, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    auth: { token },
    extraHeaders: { origin: allowedOrigin },
    ...options,
  });
  const events: { name: string; payload: unknown }[] = [];
  const refusals: Error[] = [];
  socket.onAny((name: string, payload: unknown) => events.push({ name, payload }));
  socket.on('connect_error', (error) => refusals.push(error));
  return {
    socket,
    events,
    refusals,
    payloadsOf: (name) => events.filter((event) => event.name === name).map(({ payload }) => payload),
  };
}

function limiterOf(points = 1000): MemoryAddressLimiter {
  return new MemoryAddressLimiter({ points, windowSeconds: 60 });
}
