import type { CompanyId } from '../../domain/ids.ts';
import type { AuthState } from '../credentials/auth-state.ts';
import type { Connection } from '../connection/connection.ts';
import { decideAfterDisconnect, type Disconnect, type DisconnectDecision } from './disconnect-policy.ts';
import { FlappingBreaker } from './flapping-breaker.ts';
import type { Retries } from './reconnect-scheduler.ts';
import type { SessionDependencies } from './dependencies.ts';

const flappingCloses = 6;
const replacementsWithinMs = 10 * 60_000;

type ClosedConnection = Pick<Connection, 'version' | 'wasOpen' | 'openForMs'> &
  Readonly<{ auth: Pick<AuthState, 'isLinked'> }>;

type CloseDependencies = Pick<
  SessionDependencies,
  'timings' | 'monotonicNow' | 'random' | 'report' | 'clientVersion'
>;

type Tries = Pick<Retries, 'tries' | 'connectionHeld' | 'reset'>;

/** Remembers how the sockets of one session closed, and decides by that what comes next. */
export class SessionCloses {
  readonly #companyId: CompanyId;
  readonly #dependencies: CloseDependencies;
  readonly #retries: Tries;
  readonly #breaker: FlappingBreaker;
  #lastCode: Disconnect['code'] | undefined;
  #sameCode = 0;
  #replacedAtMs: number[] = [];

  constructor(companyId: CompanyId, dependencies: CloseDependencies, retries: Tries) {
    this.#companyId = companyId;
    this.#dependencies = dependencies;
    this.#retries = retries;
    const { stableAfterMs, flappingRestMs } = dependencies.timings;
    this.#breaker = new FlappingBreaker(
      { closes: flappingCloses, withinMs: stableAfterMs, restMs: flappingRestMs },
      dependencies.random,
    );
  }

  /** Decides, and reports the close with what comes next. */
  decide(connection: ClosedConnection, disconnect: Disconnect): DisconnectDecision {
    const { report, clientVersion } = this.#dependencies;
    const { code } = disconnect;
    const decision = this.#decide(connection, disconnect);
    const { next, state, detail, alert } = decision;
    report.socketClosed(this.#companyId, { code, next: next.action, state, detail, alert });
    if (code === 405) void clientVersion.refused(connection.version);
    return decision;
  }

  /** Somebody asked for a new start. */
  reset(): void {
    this.#retries.reset();
    this.#beginAnew();
    this.#replacedAtMs = [];
  }

  #decide({ auth, wasOpen, openForMs }: ClosedConnection, disconnect: Disconnect): DisconnectDecision {
    const hasHeld = this.#retries.connectionHeld(openForMs);
    if (hasHeld) this.#beginAnew();
    const recent = { tries: this.#retries.tries, ...this.#count(disconnect) };
    const decision = decideAfterDisconnect(disconnect, auth.isLinked ? 'linked' : 'pairing', recent);
    const { action } = decision.next;
    // A socket that was refused waits for the back-off; these two would come back at once.
    const isFlap = action === 'restart' || (action === 'reconnect' && wasOpen && !hasHeld);
    const rest = isFlap ? this.#breaker.closed(this.#dependencies.monotonicNow()) : undefined;
    if (rest === undefined) return decision;
    return {
      ...decision,
      next: { action: 'retry', delayMs: rest.restMs },
      state: 'reconnecting',
      detail: 'flapping',
      alert: rest.isNews,
    };
  }

  #beginAnew(): void {
    this.#breaker.reset();
    this.#sameCode = 0;
  }

  #count({ code }: Disconnect): Readonly<{ sameCode: number; replacements: number }> {
    this.#sameCode = code === this.#lastCode ? this.#sameCode + 1 : 1;
    this.#lastCode = code;
    const nowMs = this.#dependencies.monotonicNow();
    // Two servers that take the session from each other may hold it for a while each.
    this.#replacedAtMs = this.#replacedAtMs.filter((atMs) => nowMs - atMs < replacementsWithinMs);
    if (code === 440) this.#replacedAtMs.push(nowMs);
    return { sameCode: this.#sameCode, replacements: this.#replacedAtMs.length };
  }
}
