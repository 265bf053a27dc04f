import type { SqlDatabase } from '../../../src/storage/database/sql.ts';

/**
 * Counts the values that start with the prefix of a key in every bytea column of the database, independently of the code
 * under test. By table and column.
 */
export async function countEncryptedValues(
  sql: Pick<SqlDatabase, 'query'>,
  keyPrefix: Uint8Array,
): Promise<Readonly<Record<string, number>>> {
  const columns = await sql.query(
    `select format('%I.%I', c.table_name, c.column_name) as name, format('%I', c.column_name) as column,
       format('public.%I', c.table_name) as table
     from information_schema.columns c join information_schema.tables using (table_schema, table_name)
     where c.table_schema = 'public' and c.data_type = 'bytea' and table_type = 'BASE TABLE'
     order by name`,
  );
  const counts: Record<string, number> = {};
  for (const { name, column, table } of columns) {
    const [row] = await sql.query(
      `select count(*)::int as found from ${String(table)}
       where substring(${String(column)} from 1 for length($1::bytea)) = $1::bytea`,
      [keyPrefix],
    );
    counts[String(name)] = Number(row?.['found']);
  }
  return counts;
}
