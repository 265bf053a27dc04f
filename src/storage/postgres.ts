import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import type { PoolClient } from 'pg';
import { type Row, type SqlDatabase, type SqlSession, sqlStateOf } from './sql.ts';

export type PostgresOptions = Readonly<{
  url: string;
  /** A connection that broke while it was idle; the pool replaces it by itself. */
  onError: (error: Error) => void;
  maxConnections?: number;
  /** Longest wait for a free or a new connection. */
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
  /** Uniform in [0, 1): spreads rivals for the same rows. */
  random?: () => number;
}>;

const attemptsAgainstRivals = 4;
const longestPauseMs = 40;

/** What keeps a pool from waiting for ever. */
export function poolLimits({
  connectTimeoutMs = 5_000,
  statementTimeoutMs = 10_000,
}: Pick<PostgresOptions, 'connectTimeoutMs' | 'statementTimeoutMs'> = {}) {
  return {
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    // Answers even when the server has gone silent, which statement_timeout cannot.
    query_timeout: statementTimeoutMs + 5_000,
    keepAlive: true,
  };
}

/** A pool of connections to a Postgres server. */
export class PostgresDatabase implements SqlDatabase, AsyncDisposable {
  readonly #pool: Pool;
  readonly #random: () => number;

  constructor(options: PostgresOptions) {
    this.#random = options.random ?? Math.random;
    this.#pool = new Pool({
      connectionString: options.url,
      application_name: 'yclients-marketplace',
      max: options.maxConnections ?? 10,
      ...poolLimits(options),
    });
    this.#pool.on('error', options.onError);
  }

  async transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    return await this.#againstRivals(() => this.#attempt(work));
  }

  async query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return await this.#againstRivals(async () => (await this.#pool.query<Row>(text, [...values])).rows);
  }

  /** Runs `work` again when Postgres took its transaction back in favour of another one. */
  async #againstRivals<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (attempt >= attemptsAgainstRivals || !isLostRace(error)) throw error;
        await delay(this.#random() * attempt * longestPauseMs);
      }
    }
  }

  async #attempt<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    const client = await this.#pool.connect();
    // A client that is checked out reports a lost connection by itself; its query rejects as well.
    const ignore = (): void => {};
    client.on('error', ignore);
    let broken = false;
    try {
      await client.query('begin');
      const result = await work(sessionOn(client));
      await client.query('commit');
      return result;
    } catch (error) {
      broken = !(await rolledBack(client));
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(broken);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }
}

/** A serialization failure or a deadlock: nothing was written, and the same work may succeed now. */
function isLostRace(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === '40001' || state === '40P01';
}

function sessionOn(client: PoolClient): SqlSession {
  return {
    query: async (text, values = []) => (await client.query<Record<string, unknown>>(text, [...values])).rows,
    exec: async (text) => {
      await client.query(text);
    },
  };
}

/** False: the connection is of no use any more. The caller rethrows the error that led here. */
async function rolledBack(client: PoolClient): Promise<boolean> {
  return client.query('rollback').then(
    () => true,
    () => false,
  );
}
