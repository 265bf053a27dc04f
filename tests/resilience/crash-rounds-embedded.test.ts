import { join } from 'node:path';
import { describe } from 'vitest';
import { PgliteDatabase } from '../../src/storage/database/pglite.ts';
import { crashRounds, crashRoundsSuite } from './crash-rounds.ts';

describe('kill -9 under load on the embedded store', () => {
  crashRoundsSuite({
    rounds: crashRounds,
    query: async ({ directory }, sql) => {
      await using database = await PgliteDatabase.open({
        directory: join(directory, 'data', 'pg'),
        onError: (error) => {
          throw error;
        },
        now: () => new Date(),
      });
      return await database.transaction((session) => session.query(sql));
    },
  });
});
