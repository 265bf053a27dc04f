import { setTimeout as delay } from 'node:timers/promises';
import { SqliteCredentialRows } from '../../../src/whatsapp/credentials/sqlite-credentials.ts';

/** As a database over the network; the local store answers within the same turn of the event loop. */
const roundTripMs = 3;

/** Credentials that take a moment to be read and written. */
export class DistantRows extends SqliteCredentialRows {
  /** Whether a write of rows of these types fails. */
  fails: (types: readonly string[]) => boolean = () => false;
  /** The types of the rows of each write that failed. */
  readonly failed: (readonly string[])[] = [];

  override async read(...args: Parameters<SqliteCredentialRows['read']>) {
    await delay(roundTripMs);
    return await super.read(...args);
  }

  override async write(...args: Parameters<SqliteCredentialRows['write']>) {
    await delay(roundTripMs);
    const types = args[1].map(({ type }) => type);
    if (this.fails(types)) {
      this.failed.push(types);
      throw new Error('The store does not answer');
    }
    await super.write(...args);
  }
}
