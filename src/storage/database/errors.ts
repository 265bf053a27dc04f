import { AppError } from '../../domain/errors/app-error.ts';

/**
 * SQLSTATE classes caused by the input of a statement: cardinality, data, integrity, `with check option`, program limits, and
 * errors raised by our functions. All others, and a missing SQLSTATE, are failures of the database.
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const dataErrorPattern = /^(?:21|22|23|44|54|P0)[0-9A-Z]{3}$/;

/** @param code SQLSTATE or PostgREST error code; empty without a response */
export function databaseError(code: string, cause: Error): AppError {
  return new AppError('DB_ERROR', { cause, retryable: !dataErrorPattern.test(code) });
}

/** Whether the database was unavailable, so that the same call may succeed later. */
export function isOutage(error: unknown): boolean {
  return error instanceof AppError && error.code === 'DB_ERROR' && error.retryable;
}
