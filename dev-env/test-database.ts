import path from 'node:path';
import type { DatabaseAddress } from '../src/ports/database-address.ts';
import { type Database, openDatabase } from '../src/storage/database/database.ts';
import { readMigrations } from '../src/storage/database/migrate.ts';

export const migrationsDirectory = path.resolve(import.meta.dirname, '../supabase/migrations');

/** Opens the database with all migrations applied. An error in its background work ends the process or fails the test. */
export async function openTestDatabase(address: DatabaseAddress): Promise<Database> {
  return openDatabase(address, {
    migrations: await readMigrations(migrationsDirectory),
    now: () => new Date(),
    onError: (error) => {
      throw error;
    },
  });
}
