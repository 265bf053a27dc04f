import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ManagerOptions, type Socket, type SocketOptions, io } from 'socket.io-client';
import type { CompanyId } from '../../../src/domain/ids.ts';
import { MemoryIpRateLimiter } from '../../../src/lib/net/ip-rate-limiter.ts';
import { MarketplaceSocket, type MarketplaceSocketDeps } from '../../../src/realtime/marketplace-socket.ts';
import { createSocketServer } from '../../../src/realtime/socket-server.ts';
import { captureLog, type CapturedLog } from '../checkers/captured-log.ts';
import { token, validateToken } from '../fixtures/test-companies.ts';
import type { WhatsAppEvents } from '../../../src/ports/sessions.ts';

export const allowedOrigin = 'https://allowed.example';

/** The edge's clock stands still here. */
export const now = new Date('2026-04-01T10:00:00Z');

export type SocketTestServerOverrides = Readonly<{
  service?: Partial<MarketplaceSocketDeps['service']>;
  connectionsPerMinute?: number;
  transportsPerMinute?: number;
  trustProxy?: number;
}>;

export type SocketTestServer = AsyncDisposable &
  Readonly<{
    url: string;
    log: CapturedLog;
    /** Plays the sessions: what is emitted here, `BaileysManager` would emit. */
    sessions: EventEmitter<WhatsAppEvents>;
    /** Plays the uninstallations that take the tokens of a company away. */
    revocations: EventEmitter<{ revoked: [companyId: CompanyId] }>;
    /** Texts of the QR codes that were drawn. */
    renderedQrTexts: readonly string[];
    open(options?: Partial<ManagerOptions & SocketOptions>): PageClient;
  }>;

/** A page that watches: its socket, and everything the server told it. */
export type PageClient = Readonly<{
  socket: Socket;
  events: readonly Readonly<{ name: string; payload: unknown }>[];
  connectErrors: readonly (Error & { data?: unknown })[];
  payloads(name: string): unknown[];
}>;

/** The Socket.IO edge on a free port, its use cases kept in memory. */
export async function startSocketTestServer(
  overrides: SocketTestServerOverrides = {},
): Promise<SocketTestServer> {
  const log = captureLog();
  const sessions = new EventEmitter<WhatsAppEvents>();
  const revocations = new EventEmitter<{ revoked: [companyId: CompanyId] }>();
  const drawn: string[] = [];
  const clientSockets: Socket[] = [];
  const trustProxy = overrides.trustProxy ?? 0;
  const transportLimiter = createLimiter(overrides.transportsPerMinute);
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
      generateQR: async () => ({ qr: 'data:', text: 'asked', sequence: 1, expiresAt: secondsFromNow(20) }),
      requestPairingCode: async (companyId, phone) =>
        sessions.emit('pairing-code', companyId, { code: 'ABCD1234', phone, expiresAt: secondsFromNow(60) }),
      sessionStatus: async () => ({ state: 'idle', since: new Date(0) }),
      ...overrides.service,
    },
    sessions,
    revocations,
    connectionLimiter: createLimiter(overrides.connectionsPerMinute),
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
    renderedQrTexts: drawn,
    open: (options) => {
      const client = openPageClient(url, options);
      clientSockets.push(client.socket);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const viewer of clientSockets) viewer.disconnect();
      marketplace[Symbol.dispose]();
      await socketServer.close();
    },
  };
}

export function secondsFromNow(seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000);
}

function openPageClient(url: string, options: Partial<ManagerOptions & SocketOptions> = {}): PageClient {
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
    connectErrors: refusals,
    payloads: (name) => events.filter((event) => event.name === name).map(({ payload }) => payload),
  };
}

function createLimiter(points = 1000): MemoryIpRateLimiter {
  return new MemoryIpRateLimiter({ points, windowSeconds: 60 });
}
