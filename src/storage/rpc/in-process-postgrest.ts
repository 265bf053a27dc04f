import { getSqlState } from '../database/sql.ts';
import type { SqlDatabase, SqlTransaction } from '../database/sql.ts';

type Parameter = Readonly<{ name: string; type: string; optional: boolean }>;

type Signature = Readonly<{ parameters: readonly Parameter[]; returns: 'void' | 'set' | 'one' }>;

/** An error response in PostgREST's format. */
class PostgrestError extends Error {
  readonly httpStatus: number;
  readonly code: string;

  constructor(httpStatus: number, code: string, message: string) {
    super(message);
    this.httpStatus = httpStatus;
    this.code = code;
  }
}

const routePattern = /^\/rest\/v1\/rpc\/([a-z_][a-z0-9_]*)$/;

const signatureQuery = `
  select f.proretset, f.prorettype = 'void'::regtype as is_void,
    f.proargnames[1:f.pronargs] as names,
    array(
      select pg_catalog.format_type(t.type, null) from unnest(f.proargtypes) with ordinality as t (type, position)
      order by t.position
    ) as types,
    f.pronargdefaults::int as defaults
  from pg_catalog.pg_proc f
  where f.pronamespace = 'public'::regnamespace and f.proname = $1 and f.prokind = 'f'`;

/**
 * `fetch` for supabase-js that implements `POST /rest/v1/rpc/<function>` like PostgREST with the service role, on PGlite or
 * a Postgres pool. Rejects everything else with `PGRST100`.
 */
export function createPostgrestFetch(database: SqlDatabase): typeof fetch {
  const signatures = new Map<string, Signature>();

  async function handleCall(name: string, body: string): Promise<Response> {
    const args = parseArguments(body);
    const result = await database.transaction(async (transaction) => {
      await transaction.exec('set local role service_role');
      const signature = signatures.get(name) ?? (await readSignature(transaction, name));
      signatures.set(name, signature);
      return call(transaction, name, signature, args);
    });
    if (result === undefined) return new Response(null, { status: 204 });
    return new Response(result, { headers: { 'content-type': 'application/json; charset=utf-8' } });
  }

  return async (input, init) => {
    const request = new Request(input, init);
    const name = routePattern.exec(new URL(request.url).pathname)?.[1];
    try {
      if (request.method !== 'POST' || name === undefined) {
        throw new PostgrestError(400, 'PGRST100', 'Only POST /rest/v1/rpc/<function> is supported');
      }
      return await handleCall(name, await request.text());
    } catch (error) {
      return toErrorResponse(error);
    }
  };
}

function parseArguments(body: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = body === '' ? {} : JSON.parse(body);
    if (isPlainObject(parsed)) return parsed;
  } catch {
    // Rejected below, like any body that is not an object.
  }
  throw new PostgrestError(400, 'PGRST102', 'Request body must be a JSON object');
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readSignature(transaction: SqlTransaction, name: string): Promise<Signature> {
  const [row] = await transaction.query(signatureQuery, [name]);
  if (row === undefined) throw functionNotFoundError(name);
  const names = toStrings(row['names']);
  const types = toStrings(row['types']);
  const firstOptional = types.length - Number(row['defaults']);
  const parameters = types.map((type, index) => ({
    name: names[index] ?? '',
    type,
    optional: index >= firstOptional,
  }));
  if (row['is_void'] === true) return { parameters, returns: 'void' };
  return { parameters, returns: row['proretset'] === true ? 'set' : 'one' };
}

function toStrings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Postgres parses the arguments and renders the result as JSON. @returns undefined for a void function */
async function call(
  transaction: SqlTransaction,
  name: string,
  { parameters, returns }: Signature,
  args: Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  const given = parameters.filter((parameter) => Object.hasOwn(args, parameter.name));
  const missing = parameters.some((parameter) => !parameter.optional && !given.includes(parameter));
  if (missing || given.length !== Object.keys(args).length) throw functionNotFoundError(name);

  const columns = given.map((parameter) => `${quoteIdentifier(parameter.name)} ${parameter.type}`);
  const named = given.map(
    (parameter) => `${quoteIdentifier(parameter.name)} => args.${quoteIdentifier(parameter.name)}`,
  );
  const source =
    columns.length === 0
      ? '(select $1) as args'
      : `json_to_record($1::text::json) as args (${columns.join(', ')})`;
  const invocation = `public.${quoteIdentifier(name)}(${named.join(', ')})`;
  const rendered = returns === 'set' ? `coalesce(json_agg(result), '[]')` : 'to_json(result)';
  const rows = await transaction.query(
    returns === 'void'
      ? `select ${invocation}::text as body from ${source}`
      : `select ${rendered}::text as body from ${source}, lateral ${invocation} as result`,
    [JSON.stringify(args)],
  );
  if (returns === 'void') return undefined;
  const body = rows[0]?.['body'];
  return typeof body === 'string' ? body : 'null';
}

function quoteIdentifier(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function functionNotFoundError(name: string): PostgrestError {
  return new PostgrestError(
    404,
    'PGRST202',
    `Could not find the function public.${name} with these arguments`,
  );
}

function toErrorResponse(error: unknown): Response {
  if (error instanceof PostgrestError) return errorResponse(error.httpStatus, error.code, error.message);
  const sqlState = getSqlState(error);
  const message = error instanceof Error ? error.message : 'Unknown error';
  if (sqlState === undefined) return errorResponse(503, 'PGRST000', message);
  return errorResponse(httpStatusForSqlState(sqlState), sqlState, message);
}

function errorResponse(status: number, code: string, message: string): Response {
  return Response.json({ code, message, details: null, hint: null }, { status });
}

/** The full code takes precedence over its class; the default is 400. @see https://docs.postgrest.org/en/stable/references/errors.html */
const statusByPrefix: Readonly<Record<string, number>> = {
  '08': 503,
  '09': 500,
  '0L': 403,
  '0P': 403,
  '23503': 409,
  '23505': 409,
  '25006': 405,
  '25': 500,
  '28': 403,
  '2D': 500,
  '38': 500,
  '39': 500,
  '3B': 500,
  '40': 500,
  '42501': 403,
  '42883': 404,
  '42P01': 404,
  '42P17': 500,
  '53': 503,
  '53400': 500,
  '54': 413,
  '55': 500,
  '57': 500,
  '57P01': 503,
  '58': 500,
  F0: 500,
  HV: 500,
  P0001: 400,
  P0: 500,
  XX: 500,
};

/** HTTP status of a SQLSTATE in PostgREST; `PTxyz` raised by a function means status xyz. */
export function httpStatusForSqlState(sqlState: string): number {
  const customStatus = /^PT([1-5][0-9]{2})$/.exec(sqlState)?.[1];
  if (customStatus !== undefined) return Number(customStatus);
  return statusByPrefix[sqlState] ?? statusByPrefix[sqlState.slice(0, 2)] ?? 400;
}
