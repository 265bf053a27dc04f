import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { companyIdFrom } from '../../domain/ids.ts';
import { credentialContext } from '../../crypto/encryption-context.ts';
import type {
  SealedReplacement,
  SealedTable,
  SealedValue,
  SealedValues,
} from '../../ports/encrypted-values.ts';
import { inTransaction } from './sqlite-transaction.ts';

/** Has a row from the first replacement until the file was written anew. */
const schema = `
  create table if not exists replaced_since_vacuum (only_row integer primary key check (only_row = 1)) strict;
`;

/** The local store's credentials, those set aside included. Named as in the database: see `SealedValue`. */
export class SqliteSealedValues implements SealedValues {
  readonly credentials: SealedTable;
  readonly tables: readonly SealedTable[];
  readonly #database: DatabaseSync;
  readonly #count: StatementSync;
  readonly #isToForget: StatementSync;

  constructor(database: DatabaseSync) {
    database.exec(schema);
    this.#database = database;
    this.#count = database.prepare(
      `select (select count(*) from credentials where substr(value, 1, length(:header)) <> :header)
            + (select count(*) from quarantine where substr(value, 1, length(:header)) <> :header) as count`,
    );
    this.#isToForget = database.prepare('select 1 from replaced_since_vacuum');
    this.credentials = new SqliteSealedTable(database, 'credentials', '0');
    this.tables = [this.credentials, new SqliteSealedTable(database, 'quarantine', 'token')];
  }

  async countNotUnder(header: Uint8Array): Promise<number> {
    return Number(this.#count.get({ header })?.['count']);
  }

  /** They are still in the gaps of pages, which only a file written anew is rid of, and in the write-ahead log. */
  async forgetReplaced(): Promise<boolean> {
    if (this.#isToForget.get() === undefined) return false;
    this.#database.exec('vacuum; pragma wal_checkpoint(truncate); delete from replaced_since_vacuum;');
    return true;
  }
}

class SqliteSealedTable implements SealedTable {
  readonly #database: DatabaseSync;
  readonly #select: StatementSync;
  readonly #replace: StatementSync;
  readonly #mark: StatementSync;

  /** @param token the column, or 0 in a table that has none */
  constructor(database: DatabaseSync, table: 'credentials' | 'quarantine', token: 'token' | '0') {
    this.#database = database;
    const key = token === 'token' ? 'company_id, token, type, id' : 'company_id, type, id';
    const cursor = token === 'token' ? ':company, :token, :type, :id' : ':company, :type, :id';
    this.#select = database.prepare(
      `select company_id, ${token} as token, type, id, value from ${table}
       where (${key}) > (${cursor}) and substr(value, 1, length(:header)) <> :header
       order by ${key} limit :limit`,
    );
    this.#replace = database.prepare(
      `update ${table} set value = :after where (${key}) = (${cursor}) and value = :before`,
    );
    this.#mark = database.prepare('insert or ignore into replaced_since_vacuum (only_row) values (1)');
    for (const statement of [this.#select, this.#replace]) statement.setAllowUnknownNamedParameters(true);
  }

  async notUnder(
    header: Uint8Array,
    after: SealedValue | undefined,
    limit: number,
  ): Promise<readonly SealedValue[]> {
    const { companyId: company = 0, token = 0, type = '', id = '' } = after ?? {};
    return this.#select.all({ company, token, type, id, header, limit }).flatMap(sealedValueFrom);
  }

  async replace(replacements: readonly SealedReplacement[]): Promise<number> {
    let replaced = 0;
    inTransaction(this.#database, () => {
      for (const { stored, value: after } of replacements) {
        const { companyId: company, token, type, id, value: before } = stored;
        replaced += Number(this.#replace.run({ company, token, type, id, before, after }).changes);
      }
      if (replaced > 0) this.#mark.run();
    });
    return replaced;
  }
}

function sealedValueFrom(row: Record<string, unknown>): SealedValue[] {
  const { token, type, id, value } = row;
  if (typeof type !== 'string' || typeof id !== 'string' || !(value instanceof Uint8Array)) return [];
  const companyId = companyIdFrom(row['company_id']);
  return [
    { companyId, token: Number(token), type, id, value, context: credentialContext(companyId, type, id) },
  ];
}
