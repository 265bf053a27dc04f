import { setTimeout as delay } from 'node:timers/promises';
import { SqliteCredentials } from '../../../src/whatsapp/credentials/sqlite-credentials.ts';

/** Latency of a database over the network; the local store responds within the same turn of the event loop. */
const roundTripMs = 3;

/** Credentials with read and write latency. */
export class SlowCredentials extends SqliteCredentials {
  /** Whether a write of rows of these types fails. */
  shouldFail: (types: readonly string[]) => boolean = () => false;
  /** The types of the rows of each write that failed. */
  readonly failedWrites: (readonly string[])[] = [];

  override async read(...args: Parameters<SqliteCredentials['read']>) {
    await delay(roundTripMs);
    return await super.read(...args);
  }

  override async write(...args: Parameters<SqliteCredentials['write']>) {
    await delay(roundTripMs);
    const types = args[1].map(({ type }) => type);
    if (this.shouldFail(types)) {
      this.failedWrites.push(types);
      throw new Error('Credential store unavailable');
    }
    await super.write(...args);
  }
}
