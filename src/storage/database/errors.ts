import { AppError } from '../../domain/errors/app-error.ts';

/**
 * SQLSTATE classes that come from what a statement was given: cardinality, data, integrity, `with check option`, program limits,
 * and what our functions raise. All others, and answers without any, say something of the database itself.
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const dataErrorPattern = /^(?:21|22|23|44|54|P0)[0-9A-Z]{3}$/;

/** @param code SQLSTATE, PostgREST's own code, or empty when nothing answered */
export function databaseError(code: string, cause: Error): AppError {
  return new AppError('DB_ERROR', { cause, retryable: !dataErrorPattern.test(code) });
}

/** Whether the same call may succeed once the database is well again. */
export function isOutage(error: unknown): boolean {
  return error instanceof AppError && error.code === 'DB_ERROR' && error.retryable;
}
