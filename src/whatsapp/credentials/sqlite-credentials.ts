import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import { companyIdFrom, type CompanyId } from '../../domain/ids.ts';
import type { CredentialChange, CredentialRepository } from '../../ports/credentials.ts';
import type { Lease } from '../../ports/sessions.ts';
import { SqliteEncryptedValues } from './sqlite-encrypted-values.ts';
import { inTransaction } from './sqlite-transaction.ts';

const schema = `
  create table if not exists credentials (
    company_id integer not null,
    type text not null,
    id text not null,
    value blob not null,
    primary key (company_id, type, id)
  ) strict, without rowid;
  create table if not exists lease_tokens (
    company_id integer primary key,
    token integer not null
  ) strict;
  create table if not exists quarantine (
    company_id integer not null,
    token integer not null,
    type text not null,
    id text not null,
    value blob not null,
    quarantined_at_ms integer not null,
    primary key (company_id, token, type, id)
  ) strict, without rowid;
`;

/**
 * Credentials in `credentials.sqlite` in the sessions directory, file mode 0600. A write is on disk when it resolves. Rejects
 * writes with a lease token older than the newest one of the company.
 */
export class SqliteCredentials implements CredentialRepository, Disposable {
  readonly encryptedValues: SqliteEncryptedValues;
  readonly #database: DatabaseSync;
  readonly #select: StatementSync;
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteAll: StatementSync;
  readonly #insertQuarantine: StatementSync;
  readonly #deleteQuarantined: StatementSync;
  readonly #companies: StatementSync;
  readonly #fence: StatementSync;

  /** @throws Error when the directory is not writable */
  constructor(sessionsDirectory: string) {
    this.#database = openDatabase(sessionsDirectory);
    this.#select = this.#database.prepare(
      'select id, value from credentials where company_id = ? and type = ? and id in (select value from json_each(?))',
    );
    this.#upsert = this.#database.prepare(
      `insert into credentials (company_id, type, id, value) values (?, ?, ?, ?)
       on conflict (company_id, type, id) do update set value = excluded.value`,
    );
    this.#delete = this.#database.prepare(
      'delete from credentials where company_id = ? and type = ? and id = ?',
    );
    this.#deleteAll = this.#database.prepare('delete from credentials where company_id = ?');
    this.#insertQuarantine = this.#database.prepare(
      `insert or replace into quarantine (company_id, token, type, id, value, quarantined_at_ms)
       select company_id, ?, type, id, value, cast(unixepoch('subsec') * 1000 as integer) from credentials where company_id = ?`,
    );
    this.#deleteQuarantined = this.#database.prepare(
      "delete from quarantine where quarantined_at_ms <= unixepoch('subsec') * 1000 - ?",
    );
    this.#companies = this.#database.prepare(
      'select distinct company_id from credentials order by company_id',
    );
    this.#fence = this.#database.prepare(
      `insert into lease_tokens (company_id, token) values (?, ?)
       on conflict (company_id) do update set token = excluded.token where excluded.token >= token
       returning token`,
    );
    this.encryptedValues = new SqliteEncryptedValues(this.#database);
  }

  async read(
    companyId: CompanyId,
    type: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (const { id, value } of this.#select.all(companyId, type, JSON.stringify(ids))) {
      if (typeof id === 'string' && value instanceof Uint8Array) found.set(id, value);
    }
    return found;
  }

  async write(lease: Lease, changes: readonly CredentialChange[]): Promise<void> {
    this.#writeUnderLease(lease, () => {
      for (const { type, id, value } of changes) {
        if (value === null) this.#delete.run(lease.companyId, type, id);
        else this.#upsert.run(lease.companyId, type, id, value);
      }
    });
  }

  async probe(lease: Lease, bytes: number): Promise<void> {
    const { companyId } = lease;
    this.#writeUnderLease(lease, () => {
      this.#upsert.run(companyId, 'probe', 'probe', new Uint8Array(bytes));
      // `secure_delete` overwrites the deleted pages, so the commit still needs the space.
      this.#delete.run(companyId, 'probe', 'probe');
    });
  }

  async companies(): Promise<readonly CompanyId[]> {
    return this.#companies.all().map(({ company_id: id }) => companyIdFrom(id));
  }

  async erase(lease: Lease): Promise<void> {
    this.#writeUnderLease(lease, () => this.#deleteAll.run(lease.companyId));
    this.#truncateWal();
  }

  async quarantine(lease: Lease): Promise<void> {
    this.#writeUnderLease(lease, () => {
      this.#insertQuarantine.run(lease.token, lease.companyId);
      this.#deleteAll.run(lease.companyId);
    });
  }

  async eraseQuarantined(olderThanMs: number): Promise<void> {
    const { changes } = this.#deleteQuarantined.run(olderThanMs);
    if (changes > 0) this.#truncateWal();
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** Erased secrets must not survive in the write-ahead log. */
  #truncateWal(): void {
    this.#database.exec('pragma wal_checkpoint(truncate);');
  }

  #writeUnderLease(lease: Lease, work: () => void): void {
    inTransaction(this.#database, () => {
      if (this.#fence.get(lease.companyId, lease.token) === undefined) {
        throw new LeaseLostError(`Lease token ${lease.token} of company ${lease.companyId} is stale`);
      }
      work();
    });
  }
}

function openDatabase(sessionsDirectory: string): DatabaseSync {
  const file = join(sessionsDirectory, 'credentials.sqlite');
  try {
    mkdirSync(sessionsDirectory, { recursive: true, mode: 0o700 });
    // SQLite creates its WAL files with the mode of the database file.
    closeSync(openSync(file, 'a', 0o600));
    chmodSync(file, 0o600);
    const database = new DatabaseSync(file);
    database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;');
    database.exec('pragma secure_delete = on;');
    database.exec(schema);
    return database;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`WhatsApp credentials file ${file} is not writable: ${reason}`, { cause });
  }
}
