import { AppError } from '../domain/errors/app-error.ts';
import { withTimeout } from '../lib/async/with-timeout.ts';

export type DependencyHealth = Readonly<{ status: 'ok' | 'down'; detail?: string }>;

export type Readiness = Readonly<{
  /** False when this instance cannot accept webhooks or is draining; the response is 503. */
  ready: boolean;
  status: 'ok' | 'degraded' | 'down' | 'draining';
  dependencies: Readonly<Record<string, DependencyHealth>>;
}>;

const checkTimeoutMs = 1_500;

/** Liveness touches no dependency. Readiness checks each of them, with a timeout. */
export class Health {
  readonly #checks: Readonly<Record<string, () => Promise<unknown>>>;
  #draining = false;

  /** @param checks by name of the dependency; each resolves when it is available */
  constructor(checks: Readonly<Record<string, () => Promise<unknown>>>) {
    this.#checks = checks;
  }

  /** Makes `ready` fail, so that the proxy stops routing requests here before the server closes. */
  startDraining(): void {
    this.#draining = true;
  }

  live(): Readonly<{ status: 'ok' }> {
    return { status: 'ok' };
  }

  async ready(): Promise<Readiness> {
    const dependencies = Object.fromEntries(
      await Promise.all(
        Object.entries(this.#checks).map(async ([name, check]) => [name, await checkHealth(check)] as const),
      ),
    );
    const up = Object.values(dependencies).filter(({ status }) => status === 'ok').length;
    if (this.#draining) return { ready: false, status: 'draining', dependencies };
    if (up === Object.keys(dependencies).length) return { ready: true, status: 'ok', dependencies };
    // Either the database or the spool is enough to accept webhooks.
    return { ready: up > 0, status: up > 0 ? 'degraded' : 'down', dependencies };
  }
}

async function checkHealth(check: () => Promise<unknown>): Promise<DependencyHealth> {
  try {
    const completed = await withTimeout(
      check().then(() => true),
      checkTimeoutMs,
    );
    return completed === true ? { status: 'ok' } : { status: 'down', detail: 'timed out' };
  } catch (error) {
    return { status: 'down', detail: error instanceof AppError ? error.code : 'unreachable' };
  }
}
