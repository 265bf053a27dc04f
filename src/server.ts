import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { resolve } from 'node:path';
import type { Context } from './context.ts';
import { StartupError } from './domain/errors/startup-error.ts';
import { type AppDeps, createApp } from './http/app.ts';
import { createHttpLimiters, type HttpLimiters } from './http/middleware/rate-limit.ts';
import { respondStarting } from './http/startup-responder.ts';
import { createWebhookFastPath } from './http/webhook-fast-path.ts';
import { MarketplaceSocket } from './realtime/marketplace-socket.ts';
import { createSocketLimiters, createSocketServer } from './realtime/socket-server.ts';

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** Longer than nginx keeps idle upstream connections (60 s): otherwise the server could close one as a request arrives. */
const keepAliveTimeoutMs = 75_000;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 15_000;
/** Limit for requests in flight and open Socket.IO connections, well below the stop timeout of supervisors. */
const drainTimeoutMs = 10_000;
const drainSweepIntervalMs = 50;

/** One `http.Server` for the webhook fast path, Express and Socket.IO. */
export class MarketplaceServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #handleRequest: RequestListener = respondStarting;
  #draining = false;

  /** Binds the port before anything else starts. Until `serve`, requests get 503 with `Retry-After`. @throws StartupError */
  static async listen(address: Readonly<{ host: string; port: number }>): Promise<MarketplaceServer> {
    const server = new MarketplaceServer();
    server.#server.listen(address.port, address.host);
    try {
      await once(server.#server, 'listening');
    } catch (error) {
      throw new StartupError('address', error);
    }
    return server;
  }

  private constructor() {
    this.#server = createServer(
      {
        keepAliveTimeout: keepAliveTimeoutMs,
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
      },
      (request, response) => {
        if (this.#draining) response.shouldKeepAlive = false;
        this.#handleRequest(request, response);
      },
    );
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** The bound address as a URL, without a trailing slash. */
  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('Server is not listening');
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}`;
  }

  /** Starts serving. Disposing the result drains: readiness turns to 503, requests in flight are finished. */
  serve(context: Context): AsyncDisposable {
    const { config, publicUrl, logger, metrics, health, service, revocations, whatsapp } = context;
    const { trustProxy } = config.http;
    const allowedOrigins =
      config.http.allowedOrigins.length > 0 ? config.http.allowedOrigins : [new URL(publicUrl).origin];

    const httpLimiters = createHttpLimiters();
    const app = createApp(appDeps(context, httpLimiters, allowedOrigins));
    const handleWebhook = createWebhookFastPath({
      webhookAuthenticator: context.webhookAuthenticator,
      inbox: context.inbox,
      limiters: httpLimiters,
      logger,
      metrics,
      trustProxy,
    });
    this.#handleRequest = (request, response) => {
      if (!handleWebhook(request, response)) app(request, response);
    };

    const socketLimiters = createSocketLimiters();
    const io = createSocketServer({
      ...socketLimiters,
      httpServer: this.#server,
      allowedOrigins,
      trustProxy,
      logger,
      monotonicMs: context.monotonicMs,
    });
    const socket = new MarketplaceSocket(io, {
      service,
      whatsapp,
      revocations,
      ...socketLimiters,
      trustProxy,
      logger,
      now: context.now,
      monotonicMs: context.monotonicMs,
    });
    socket.setupHandlers();

    return {
      [Symbol.asyncDispose]: async () => {
        health.startDraining();
        socket[Symbol.dispose]();
        await this.#drain(() => io.close());
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    await this.#drain(async () => {
      this.#server.close();
      await once(this.#server, 'close');
    });
  }

  /** `http.Server.close` closes the connections that are idle at that moment only, so later ones are swept. */
  async #drain(close: () => Promise<void>): Promise<void> {
    this.#draining = true;
    const sweep = setInterval(() => this.#server.closeIdleConnections(), drainSweepIntervalMs);
    const forceCloseTimer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, drainTimeoutMs);
    try {
      await close();
    } finally {
      clearInterval(sweep);
      clearTimeout(forceCloseTimer);
    }
  }
}

function appDeps(context: Context, limiters: HttpLimiters, allowedOrigins: readonly string[]): AppDeps {
  const { config, secrets } = context;
  return {
    service: context.service,
    registration: context.registration,
    lifecycle: context.lifecycle,
    reconciliation: context.reconciliation,
    notificationSettings: context.notificationSettings,
    outgoingWebhookSettings: context.outgoingWebhookSettings,
    receivedMessages: context.receivedMessages,
    restrictions: context.restrictions,
    events: context.events,
    queue: context.queue,
    inbox: context.inbox,
    lastInboundAt: context.lastInboundAt,
    connectUrl: context.connectUrl,
    health: context.health,
    metrics: context.metrics,
    logger: context.logger,
    limiters,
    now: context.now,
    options: {
      publicUrl: context.publicUrl,
      trustProxy: config.http.trustProxy,
      allowedOrigins,
      frameAncestors: config.http.frameAncestors,
      publicDirectory: resolve(import.meta.dirname, '../public'),
      adminApiKey: secrets.adminApiKey,
      metricsToken: secrets.metricsToken,
    },
  };
}
