import { inspect } from 'node:util';
import { AppError } from '../domain/errors/app-error.ts';
import { MigrationError, StartupError } from '../domain/errors/startup-error.ts';
import { redactText } from '../observability/redact.ts';

/** Why the server does not start, without secrets. `misconfigured`: a restart with the same settings cannot succeed. */
type StartupFailure = Readonly<{ message: string; misconfigured: boolean }>;

const misconfiguration = (message: string): StartupFailure => ({ message, misconfigured: true });
const otherFailure = (message: string): StartupFailure => ({ message, misconfigured: false });

const noSuchAddress = misconfiguration(
  'HOST is not an address of this machine: use 127.0.0.1, another local address, or 0.0.0.0 for all interfaces',
);
const noSuchDatabaseHost = otherFailure(
  'The host of DATABASE_URL cannot be resolved: correct it; percent-encode @ : / # ? in the password as %40 %3A %2F %23 %3F',
);

/** By the code of the error or of one of its causes. */
const failuresByComponent: Readonly<
  Record<StartupError['component'], Readonly<Record<string, StartupFailure>>>
> = {
  address: {
    EADDRINUSE: otherFailure('HOST and PORT are already in use: stop the other program or set another PORT'),
    EADDRNOTAVAIL: noSuchAddress,
    EINVAL: noSuchAddress,
    ENOTFOUND: noSuchAddress,
    EAI_AGAIN: otherFailure('HOST cannot be resolved: use an address of this machine'),
    EACCES: misconfiguration('This user may not bind PORT: use one above 1023'),
  },
  database: {
    ECONNREFUSED: otherFailure(
      'The database of DATABASE_URL refuses connections: start it, or correct its host and port',
    ),
    ENOTFOUND: noSuchDatabaseHost,
    EAI_AGAIN: noSuchDatabaseHost,
    '28P01': misconfiguration(
      'The database of DATABASE_URL rejected the password: correct the user or the password',
    ),
    '28000': misconfiguration(
      'The database of DATABASE_URL rejected the user: correct the user, or allow it in pg_hba.conf',
    ),
    '3D000': otherFailure('The database of DATABASE_URL does not exist: create it or correct its name'),
  },
};

/** The known failure behind an error that ended the process; undefined for an unexpected error. */
export function findStartupFailure(error: unknown): StartupFailure | undefined {
  const path = findForbiddenPath(error);
  if (path !== undefined) return otherFailure(`Permission denied for this user: ${path}`);
  if (error instanceof MigrationError) return misconfiguration(error.message);
  return findByErrorCode(
    failuresByComponent[error instanceof StartupError ? error.component : 'database'],
    error,
  );
}

/** The line on stderr for an error that ended the process. The log has the details. */
export function startupFailureMessage(error: unknown): string {
  const failure = findStartupFailure(error);
  if (failure !== undefined) return failure.message;
  if (error instanceof AppError && error.code === 'DB_ERROR') {
    return 'The database stopped responding: check DATABASE_URL, SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY if they are set';
  }
  return redactText(error instanceof Error ? `${error.name}: ${error.message}` : inspect(error));
}

/** Typically a file of another user, such as the one who started the server first. */
function findForbiddenPath(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const isForbidden = 'code' in error && error.code === 'EACCES';
  if (isForbidden && 'path' in error && typeof error.path === 'string') return error.path;
  return findForbiddenPath(error.cause);
}

function findByErrorCode(
  failures: Readonly<Record<string, StartupFailure>>,
  error: unknown,
): StartupFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  const failure = failures[code];
  return failure === undefined
    ? findByErrorCode(failures, error.cause)
    : { ...failure, message: `${failure.message} (${code})` };
}
