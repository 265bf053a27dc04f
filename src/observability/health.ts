import { AppError } from '../domain/errors.ts';
import { withTimeout } from '../lib/with-timeout.ts';

export type DependencyHealth = Readonly<{ status: 'ok' | 'down'; detail?: string }>;

export type Readiness = Readonly<{
  /** False: this instance cannot do its job or is draining; answer 503. */
  ready: boolean;
  status: 'ok' | 'down' | 'draining';
  dependencies: Readonly<Record<string, DependencyHealth>>;
}>;

const checkTimeoutMs = 1_500;

/** Liveness touches no dependency; readiness asks each of them and never waits long. */
export class Health {
  readonly #checks: Readonly<Record<string, () => Promise<unknown>>>;
  #draining = false;

  /** @param checks each resolves when its dependency answers */
  constructor(checks: Readonly<Record<string, () => Promise<unknown>>>) {
    this.#checks = checks;
  }

  /** From now on `ready` says so; the proxy takes this instance out before it stops listening. */
  startDraining(): void {
    this.#draining = true;
  }

  live(): Readonly<{ status: 'ok' }> {
    return { status: 'ok' };
  }

  async ready(): Promise<Readiness> {
    const dependencies = Object.fromEntries(
      await Promise.all(
        Object.entries(this.#checks).map(async ([name, check]) => [name, await healthOf(check)] as const),
      ),
    );
    const allUp = Object.values(dependencies).every(({ status }) => status === 'ok');
    if (this.#draining) return { ready: false, status: 'draining', dependencies };
    return { ready: allUp, status: allUp ? 'ok' : 'down', dependencies };
  }
}

async function healthOf(check: () => Promise<unknown>): Promise<DependencyHealth> {
  try {
    const answered = await withTimeout(
      check().then(() => true),
      checkTimeoutMs,
    );
    return answered === true ? { status: 'ok' } : { status: 'down', detail: 'no answer in time' };
  } catch (error) {
    return { status: 'down', detail: error instanceof AppError ? error.code : 'unreachable' };
  }
}
