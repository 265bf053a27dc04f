import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import type { PoolClient, QueryConfig, QueryResult } from 'pg';
import { type Row, type SqlDatabase, type SqlTransaction, getSqlState } from './sql.ts';

export type PostgresOptions = Readonly<{
  url: string;
  /** Called when an idle connection breaks; the pool replaces it. */
  onError: (error: Error) => void;
  maxConnections?: number;
  /** Time limit for a free or new connection. */
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
  /** Uniform in [0, 1); jitter of conflict retries. */
  random?: () => number;
}>;

const maxConflictAttempts = 4;
const maxConflictDelayMs = 40;
const maintenanceTimeoutMs = 3_600_000;

/** Connection pool to a Postgres server. */
export class PostgresDatabase implements SqlDatabase, AsyncDisposable {
  readonly #pool: Pool;
  readonly #random: () => number;

  constructor(options: PostgresOptions) {
    const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
    this.#random = options.random ?? Math.random;
    this.#pool = new Pool({
      connectionString: options.url,
      application_name: 'yclients-marketplace',
      max: options.maxConnections ?? 12,
      connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: statementTimeoutMs,
      // Client-side limit for a server that does not respond, which statement_timeout does not cover.
      query_timeout: statementTimeoutMs + 5_000,
      keepAlive: true,
    });
    this.#pool.on('error', options.onError);
    // An unhandled `error` event of a checked-out client crashes the process. Its query rejects as well.
    this.#pool.on('connect', (client) => client.on('error', () => {}));
  }

  async transaction<Result>(work: (transaction: SqlTransaction) => Promise<Result>): Promise<Result> {
    return await this.#retryOnConflict(() => this.#runTransaction(work));
  }

  async query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return await this.#retryOnConflict(
      async () => (await this.#withClient((client) => client.query<Row>(text, [...values]))).rows,
    );
  }

  /** Adapter for pg-boss. Its statements without parameters are schema changes, which may take long. */
  async executeSql(text: string, values?: unknown[]): Promise<QueryResult<Row>> {
    return await this.#withClient(async (client) => {
      if (values !== undefined && values.length > 0) return await client.query<Row>(text, [...values]);
      await client.query('set statement_timeout = 0');
      const config: QueryConfig & { query_timeout: number } = { text, query_timeout: maintenanceTimeoutMs };
      const result = await client.query<Row>(config);
      await client.query('reset statement_timeout');
      return result;
    });
  }

  /** Retries `work` after a deadlock or serialization failure. */
  async #retryOnConflict<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (attempt >= maxConflictAttempts || !isTransactionConflict(error)) throw error;
        await delay(this.#random() * attempt * maxConflictDelayMs);
      }
    }
  }

  async #runTransaction<Result>(work: (transaction: SqlTransaction) => Promise<Result>): Promise<Result> {
    return await this.#withClient(async (client) => {
      await client.query('begin');
      const result = await work(toSqlTransaction(client));
      await client.query('commit');
      return result;
    });
  }

  /** Rolls back after an error; a client that cannot roll back is discarded. */
  async #withClient<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    const client = await this.#pool.connect();
    let broken = false;
    try {
      return await work(client);
    } catch (error) {
      broken = !(await rollBack(client));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }
}

/** Serialization failure or deadlock: the transaction was rolled back and can be retried. */
function isTransactionConflict(error: unknown): boolean {
  const state = getSqlState(error);
  return state === '40001' || state === '40P01';
}

function toSqlTransaction(client: PoolClient): SqlTransaction {
  return {
    query: async (text, values = []) => (await client.query<Record<string, unknown>>(text, [...values])).rows,
    exec: async (text) => {
      await client.query(text);
    },
  };
}

/** @returns false if the connection is unusable */
async function rollBack(client: PoolClient): Promise<boolean> {
  return client.query('rollback; reset statement_timeout').then(
    () => true,
    () => false,
  );
}
