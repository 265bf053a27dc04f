import { clientIp, ipRateLimitKey } from '../lib/net/client-ip.ts';
import type { Logger } from '../observability/logger.ts';
import type { MarketplaceSocketServer } from './events.ts';
import { GuardedTransport, type Transport, type UpgradeRequest } from './guarded-transport.ts';
import type { SocketLimits } from './limits.ts';

export type TransportGuardDeps = Readonly<{
  /** Exact number of proxies in front. */
  trustProxy: number;
  logger: Logger;
  monotonicMs: () => number;
}>;

const warningIntervalMs = 60_000;

/** Enforces the limits that apply to transports, before and independently of any namespace. */
export class TransportGuard {
  readonly #deps: TransportGuardDeps;
  readonly #limits: SocketLimits;
  readonly #openPerAddress = new Map<string, number>();
  readonly #bySessionId = new Map<string, GuardedTransport>();
  readonly #byTransport = new WeakMap<Transport, GuardedTransport>();
  #lastWarningMs = Number.NEGATIVE_INFINITY;

  constructor(deps: TransportGuardDeps, limits: SocketLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  /** Whether this address may open another transport. */
  hasRoom(ip: string): boolean {
    const { perAddress, total } = this.#limits.openTransports;
    if (this.#bySessionId.size >= total) {
      this.#warnAboutTotal();
      return false;
    }
    return (this.#openPerAddress.get(ipRateLimitKey(ip)) ?? 0) < perAddress;
  }

  /** Guards all transports of a server that is attached to its HTTP server. */
  watch(io: MarketplaceSocketServer): void {
    io.engine.on('connection', (transport: Transport) => this.#accept(transport));
    io.engine.use((request: UpgradeRequest, _response: unknown, next: (error?: Error) => void) =>
      this.#checkUpgrade(request, next),
    );
    // Socket.IO always has the namespace `/`; it refuses unknown ones with the same message.
    io.of('/').use((_socket, next) => next(new Error('Invalid namespace')));
    io.of('/marketplace').on('connection', (socket) => {
      const guarded = this.#byTransport.get(socket.conn);
      guarded?.join();
      socket.on('disconnect', () => guarded?.leave());
    });
  }

  #accept(transport: Transport): void {
    const ip = clientIp(transport.request, this.#deps.trustProxy);
    const onFlood = (): void => {
      this.#deps.logger.warn('Socket transport closed: too many packets', { address: ip });
    };
    const guarded = new GuardedTransport(
      transport,
      { monotonicMs: this.#deps.monotonicMs, onFlood },
      this.#limits,
    );
    // Concurrent handshakes can pass `hasRoom` together.
    if (!this.hasRoom(ip)) {
      guarded.close();
      return;
    }
    const address = ipRateLimitKey(ip);
    const { sid } = transport.transport;
    this.#byTransport.set(transport, guarded);
    this.#bySessionId.set(sid, guarded);
    this.#openPerAddress.set(address, (this.#openPerAddress.get(address) ?? 0) + 1);
    transport.once('close', () => {
      this.#bySessionId.delete(sid);
      const open = (this.#openPerAddress.get(address) ?? 0) - 1;
      if (open > 0) this.#openPerAddress.set(address, open);
      else this.#openPerAddress.delete(address);
    });
  }

  /** `allowRequest` does not see the upgrade of a polling transport. */
  #checkUpgrade(request: UpgradeRequest, next: (error?: Error) => void): void {
    const sid = sessionId(request);
    if (request.headers.upgrade === undefined || sid === undefined) {
      next();
      return;
    }
    const guarded = this.#bySessionId.get(sid);
    if (guarded?.requestUpgrade() !== true) {
      next(new Error('Upgrade refused'));
      return;
    }
    next();
    setImmediate(() => {
      if (request.websocket !== undefined) guarded.watchWebSocket(request.websocket);
    });
  }

  #warnAboutTotal(): void {
    const nowMs = this.#deps.monotonicMs();
    if (nowMs - this.#lastWarningMs < warningIntervalMs) return;
    this.#lastWarningMs = nowMs;
    this.#deps.logger.warn('Socket connections refused: limit of open transports reached', {
      total: this.#limits.openTransports.total,
    });
  }
}

/** The last `sid` of the query, as engine.io reads it. */
function sessionId({ url }: UpgradeRequest): string | undefined {
  return new URL(url ?? '', 'http://localhost').searchParams.getAll('sid').at(-1);
}
