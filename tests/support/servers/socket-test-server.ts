import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ManagerOptions, type Socket, type SocketOptions, io } from 'socket.io-client';
import { waitFor } from '../../../dev-env/wait-for.ts';
import type { CompanyId } from '../../../src/domain/ids.ts';
import { MemoryIpRateLimiter } from '../../../src/lib/net/ip-rate-limiter.ts';
import type { WhatsAppEvents } from '../../../src/ports/sessions.ts';
import { type SocketLimits, socketLimits } from '../../../src/realtime/limits.ts';
import { MarketplaceSocket, type MarketplaceSocketDeps } from '../../../src/realtime/marketplace-socket.ts';
import { createSocketServer } from '../../../src/realtime/socket-server.ts';
import { captureLog, type CapturedLog } from '../checkers/captured-log.ts';
import { token, validateToken } from '../fixtures/test-companies.ts';

export const allowedOrigin = 'https://allowed.example';

/** The fixed time of the server. */
export const now = new Date('2026-04-01T10:00:00Z');

export type SocketTestServerOverrides = Readonly<{
  service?: Partial<MarketplaceSocketDeps['service']>;
  connectionsPerMinute?: number;
  transportsPerMinute?: number;
  trustProxy?: number;
  limits?: Partial<SocketLimits>;
}>;

export type SocketTestServer = AsyncDisposable &
  Readonly<{
    url: string;
    log: CapturedLog;
    /** Emits the events of `BaileysManager`. */
    sessions: EventEmitter<WhatsAppEvents>;
    /** Emits the revocation of a company's tokens. */
    revocations: EventEmitter<{ revoked: [companyId: CompanyId] }>;
    /** Texts of the rendered QR codes. */
    renderedQrTexts: readonly string[];
    open(options?: Partial<ManagerOptions & SocketOptions>): PageClient;
  }>;

/** A client of the namespace with the events and errors that it received. */
export type PageClient = Readonly<{
  socket: Socket;
  events: readonly Readonly<{ name: string; payload: unknown }>[];
  connectErrors: readonly (Error & { data?: unknown })[];
  payloads(name: string): unknown[];
}>;

/** The Socket.IO namespace on a free port, with in-memory use cases. */
export async function startSocketTestServer(
  overrides: SocketTestServerOverrides = {},
): Promise<SocketTestServer> {
  const log = captureLog();
  const sessions = new EventEmitter<WhatsAppEvents>();
  const revocations = new EventEmitter<{ revoked: [companyId: CompanyId] }>();
  const renderedQrTexts: string[] = [];
  const clientSockets: Socket[] = [];
  const trustProxy = overrides.trustProxy ?? 0;
  const transportLimiter = createLimiter(overrides.transportsPerMinute);
  const server = createServer((_request, response) => response.end('ok'));
  const socketServer = createSocketServer(
    {
      httpServer: server,
      allowedOrigins: [allowedOrigin],
      trustProxy,
      transportLimiter,
      logger: log,
      monotonicMs: () => performance.now(),
    },
    { ...socketLimits, ...overrides.limits },
  );
  const marketplace = new MarketplaceSocket(socketServer, {
    service: {
      validateToken,
      renderQR: async (code) => {
        renderedQrTexts.push(code.text);
        return { ...code, qr: `data:image/png;base64,${btoa(code.text)}` };
      },
      generateQR: async () => ({
        qr: 'data:',
        text: 'requested',
        sequence: 1,
        expiresAt: secondsFromNow(20),
      }),
      requestPairingCode: async (companyId, phone) => {
        const pairingCode = { code: 'ABCD1234', phone, expiresAt: secondsFromNow(60) };
        sessions.emit('pairing-code', companyId, pairingCode);
        return pairingCode;
      },
      sessionStatus: async () => ({ state: 'idle', since: new Date(0) }),
      ...overrides.service,
    },
    whatsapp: sessions,
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
    renderedQrTexts,
    open: (options) => {
      const client = openPageClient(url, options);
      clientSockets.push(client.socket);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of clientSockets) socket.disconnect();
      marketplace[Symbol.dispose]();
      await socketServer.close();
    },
  };
}

/** Waits for the first `session-state`, which the server sends after the join. */
export async function joined(client: PageClient): Promise<PageClient> {
  await waitFor('the session state', () => client.payloads('session-state').length > 0);
  return client;
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
  const connectErrors: Error[] = [];
  socket.onAny((name: string, payload: unknown) => events.push({ name, payload }));
  socket.on('connect_error', (error) => connectErrors.push(error));
  return {
    socket,
    events,
    connectErrors,
    payloads: (name) => events.filter((event) => event.name === name).map(({ payload }) => payload),
  };
}

function createLimiter(points = 1000): MemoryIpRateLimiter {
  return new MemoryIpRateLimiter({ points, windowSeconds: 60 });
}
