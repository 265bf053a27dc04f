import { describe } from 'vitest';
import { crashSuite } from '../harness/crash-suite.ts';
import { PostgresServer } from '../harness/postgres.ts';

describe('a server that is killed, on Postgres', () => {
  crashSuite(async (scope) => await scope.use(await PostgresServer.start()).createDatabase());
});
