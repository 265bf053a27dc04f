import { describe } from 'vitest';
import { crashSuite } from './crash-suite.ts';
import { PostgresServer } from '../../dev-env/postgres-server.ts';

describe('a server that is killed, on Postgres', () => {
  crashSuite({
    // A job that was in hand waits here until its dead process has missed its heartbeats.
    rounds: 5,
    openDatabase: async (scope) => await scope.use(await PostgresServer.start()).createDatabase(),
  });
});
