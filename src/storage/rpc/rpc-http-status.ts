/** Longest prefix wins; the rest is 400. From https://docs.postgrest.org/en/stable/references/errors.html */
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

/** The HTTP status that PostgREST gives for a SQLSTATE; `PTxyz` raised by a function is the status xyz. */
export function httpStatusForSqlState(sqlState: string): number {
  const customStatus = /^PT([1-5][0-9]{2})$/.exec(sqlState)?.[1];
  if (customStatus !== undefined) return Number(customStatus);
  return statusByPrefix[sqlState] ?? statusByPrefix[sqlState.slice(0, 2)] ?? 400;
}
