import { inspect } from 'node:util';
import { redactText } from './observability/redact.ts';

/** What usually keeps a server from starting, by the code of the error or of what caused it. */
const sentences: Readonly<Record<string, string>> = {
  EADDRINUSE: 'HOST and PORT are taken by another program: stop it or set another PORT',
  EADDRNOTAVAIL: 'HOST is no address of this machine',
  EACCES: 'PORT may not be used by this user: take one above 1023',
  ECONNREFUSED: 'The database of DATABASE_URL does not answer: nothing listens there',
  ENOTFOUND: 'The database of DATABASE_URL does not answer: its host is not known',
  '28P01': 'The database of DATABASE_URL refuses the password',
  '28000': 'The database of DATABASE_URL refuses the user',
  '3D000': 'The database of DATABASE_URL does not exist',
};

/** What a person at the console is told of an error that ended the process; the log has the rest. */
export function startFailure(error: unknown): string {
  const forbidden = forbiddenPathOf(error);
  if (forbidden !== undefined) return `${forbidden} may not be read or written by this user`;
  const sentence = sentences[codeOf(error) ?? ''];
  if (sentence !== undefined) return sentence;
  return redactText(error instanceof Error ? `${error.name}: ${error.message}` : inspect(error));
}

/** A file that is another user's: often of who started the server for the first time. */
function forbiddenPathOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const isForbidden = 'code' in error && error.code === 'EACCES';
  if (isForbidden && 'path' in error && typeof error.path === 'string') return error.path;
  return forbiddenPathOf(error.cause);
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string' && error.code in sentences) return error.code;
  return codeOf(error.cause);
}
