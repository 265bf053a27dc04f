import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { credentialContext } from '../../crypto/encryption-context.ts';
import { companyIdFrom } from '../../domain/ids.ts';
import type {
  EncryptedReplacement,
  EncryptedTable,
  EncryptedValue,
  EncryptedValues,
} from '../../ports/encrypted-values.ts';
import { inTransaction } from './sqlite-transaction.ts';

/** Contains a row from the first replacement until the next vacuum. */
const schema = `
  create table if not exists replaced_since_vacuum (only_row integer primary key check (only_row = 1)) strict;
`;

/** Encrypted values of the local store: the credentials and their quarantine. */
export class SqliteEncryptedValues implements EncryptedValues {
  readonly tables: readonly EncryptedTable[];
  readonly #database: DatabaseSync;
  readonly #countStale: StatementSync;
  readonly #needsCompaction: StatementSync;

  constructor(database: DatabaseSync) {
    database.exec(schema);
    this.#database = database;
    this.#countStale = database.prepare(
      `select (select count(*) from credentials where substr(value, 1, length(:prefix)) <> :prefix)
            + (select count(*) from quarantine where substr(value, 1, length(:prefix)) <> :prefix) as count`,
    );
    this.#needsCompaction = database.prepare('select 1 from replaced_since_vacuum');
    this.tables = [
      new SqliteEncryptedTable(database, 'credentials', '0'),
      new SqliteEncryptedTable(database, 'quarantine', 'token'),
    ];
  }

  async countStale(currentKeyPrefix: Uint8Array): Promise<number> {
    return Number(this.#countStale.get({ prefix: currentKeyPrefix })?.['count']);
  }

  /** Replaced values remain in free pages until a vacuum, and in the write-ahead log until it is truncated. */
  async compact(): Promise<boolean> {
    if (this.#needsCompaction.get() === undefined) return false;
    this.#database.exec('vacuum; pragma wal_checkpoint(truncate); delete from replaced_since_vacuum;');
    return true;
  }
}

class SqliteEncryptedTable implements EncryptedTable {
  readonly #database: DatabaseSync;
  readonly #select: StatementSync;
  readonly #replace: StatementSync;
  readonly #markReplaced: StatementSync;

  /** @param tokenExpression the column, or 0 in a table without one */
  constructor(database: DatabaseSync, table: 'credentials' | 'quarantine', tokenExpression: 'token' | '0') {
    this.#database = database;
    const key = tokenExpression === 'token' ? 'company_id, token, type, id' : 'company_id, type, id';
    const cursor = tokenExpression === 'token' ? ':company, :token, :type, :id' : ':company, :type, :id';
    this.#select = database.prepare(
      `select company_id, ${tokenExpression} as token, type, id, value from ${table}
       where (${key}) > (${cursor}) and substr(value, 1, length(:prefix)) <> :prefix
       order by ${key} limit :limit`,
    );
    this.#replace = database.prepare(
      `update ${table} set value = :after where (${key}) = (${cursor}) and value = :before`,
    );
    this.#markReplaced = database.prepare(
      'insert or ignore into replaced_since_vacuum (only_row) values (1)',
    );
    // Tables without a token do not use `:token`.
    for (const statement of [this.#select, this.#replace]) statement.setAllowUnknownNamedParameters(true);
  }

  async findStale(
    currentKeyPrefix: Uint8Array,
    after: EncryptedValue | undefined,
    limit: number,
  ): Promise<readonly EncryptedValue[]> {
    const { companyId: company = 0, token = 0, type = '', id = '' } = after ?? {};
    return this.#select
      .all({ company, token, type, id, prefix: currentKeyPrefix, limit })
      .flatMap(encryptedValueFrom);
  }

  async replace(replacements: readonly EncryptedReplacement[]): Promise<number> {
    let replaced = 0;
    inTransaction(this.#database, () => {
      for (const { stored, value: after } of replacements) {
        const { companyId: company, token, type, id, value: before } = stored;
        replaced += Number(this.#replace.run({ company, token, type, id, before, after }).changes);
      }
      if (replaced > 0) this.#markReplaced.run();
    });
    return replaced;
  }
}

function encryptedValueFrom(row: Record<string, unknown>): EncryptedValue[] {
  const { token, type, id, value } = row;
  if (typeof type !== 'string' || typeof id !== 'string' || !(value instanceof Uint8Array)) return [];
  const companyId = companyIdFrom(row['company_id']);
  return [
    { companyId, token: Number(token), type, id, value, context: credentialContext(companyId, type, id) },
  ];
}
