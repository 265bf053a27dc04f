import type { DatabaseSync } from 'node:sqlite';

/** All of the work or nothing. @throws what the work or the disk does */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('begin immediate');
  try {
    work();
    database.exec('commit');
  } catch (error) {
    // A full disk has undone it already.
    if (database.isTransaction) database.exec('rollback');
    throw error;
  }
}
