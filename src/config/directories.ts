import { existsSync, mkdirSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from './config-error.ts';
import type { Config } from './config.ts';

/**
 * Makes the directories that this configuration writes to, so that a wrong one is found before anything has begun.
 * @throws ConfigError with every problem at once
 */
export function makeDirectories({
  directories,
  sessionStore,
}: Pick<Config, 'directories' | 'sessionStore'>): void {
  const used = {
    // Made secrets, the embedded store, and always the spool.
    DATA_DIR: directories.data,
    SESSIONS_DIR: sessionStore === 'local' ? directories.sessions : undefined,
    LOG_DIR: directories.logs,
  };
  const problems = Object.entries(used).flatMap(([name, path]) =>
    path === undefined ? [] : directoryProblems(name, path),
  );
  if (problems.length > 0) throw new ConfigError(problems);
}

function directoryProblems(name: string, path: string): string[] {
  try {
    makeDirectory(path);
    checkWritable(path);
    return [];
  } catch (error) {
    // A full disk is no wrong setting.
    if (['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')) return [];
    return [`${name} is not writable: ${path} (${errorCode(error) ?? String(error)})`];
  }
}

/** Node's own `recursive` never ends where a directory takes no other and calls itself missing, as /proc does. */
function makeDirectory(path: string): void {
  if (!existsSync(dirname(path))) makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // It was there, or another process was quicker.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

/** Only a write tells: root is granted access to /proc, too. */
function checkWritable(path: string): void {
  rmdirSync(mkdtempSync(join(path, '.writable-')));
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
