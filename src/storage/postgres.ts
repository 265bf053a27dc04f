import { Pool } from 'pg';
import type { PoolClient } from 'pg';
import type { SqlDatabase, SqlSession } from './sql.ts';

export type PostgresOptions = Readonly<{
  url: string;
  /** A connection that broke while it was idle; the pool replaces it by itself. */
  onError: (error: Error) => void;
  maxConnections?: number;
  /** Longest wait for a free or a new connection. */
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
}>;

/** A pool of connections to a Postgres server. */
export class PostgresDatabase implements SqlDatabase, AsyncDisposable {
  readonly #pool: Pool;

  constructor(options: PostgresOptions) {
    const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
    this.#pool = new Pool({
      connectionString: options.url,
      application_name: 'yclients-marketplace',
      max: options.maxConnections ?? 10,
      connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: statementTimeoutMs,
      // Answers even when the server has gone silent, which statement_timeout cannot.
      query_timeout: statementTimeoutMs + 5_000,
      keepAlive: true,
    });
    this.#pool.on('error', options.onError);
  }

  async transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
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
