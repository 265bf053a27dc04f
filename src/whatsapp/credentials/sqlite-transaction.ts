import type { DatabaseSync } from 'node:sqlite';

/** Runs the work in one transaction. @throws what the work or SQLite throws, after a rollback */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('begin immediate');
  try {
    work();
    database.exec('commit');
  } catch (error) {
    // SQLite has already rolled back after a full disk.
    if (database.isTransaction) database.exec('rollback');
    throw error;
  }
}
