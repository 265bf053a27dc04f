import { Client } from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { crashRounds, crashRoundsSuite } from './crash-rounds.ts';
import { PostgresServer } from '../../dev-env/postgres-server.ts';

describe('kill -9 under load on Postgres, which is away for a while', () => {
  const scope = new AsyncDisposableStack();
  let postgres: PostgresServer;
  let url: string;

  beforeAll(async () => {
    postgres = scope.use(await PostgresServer.start());
    url = await postgres.createDatabase();
  });
  afterAll(() => scope.disposeAsync());

  crashRoundsSuite({
    rounds: crashRounds,
    databaseUrl: () => url,
    outage: async (whileAway) => {
      await postgres.stopFast();
      try {
        await whileAway();
      } finally {
        await postgres.resume();
      }
    },
    query: async (_stack, sql) => {
      const client = new Client({ connectionString: url });
      await client.connect();
      try {
        const { rows } = await client.query<Record<string, unknown>>(sql);
        return rows;
      } finally {
        await client.end();
      }
    },
  });
});
