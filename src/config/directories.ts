import { existsSync, mkdirSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from './config-error.ts';
import type { Config } from './config.ts';

/** Creates the directories that this configuration writes to. @throws ConfigError with every problem at once */
export function makeDirectories({
  directories,
  sessionStore,
}: Pick<Config, 'directories' | 'sessionStore'>): void {
  const used = {
    // Generated secrets and the embedded store, if used; the spool always.
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
    // A full disk is not a configuration problem.
    if (['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')) return [];
    return [`${name} is not writable: ${path} (${errorCode(error) ?? String(error)})`];
  }
}

/** `mkdirSync` with `recursive` loops forever below /proc, where creating a directory fails with ENOENT. */
function makeDirectory(path: string): void {
  if (!existsSync(dirname(path))) makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // It exists, perhaps created by another process in the meantime.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

/** Writes to find out: `access` grants root everything, even /proc. */
function checkWritable(path: string): void {
  rmdirSync(mkdtempSync(join(path, '.writable-')));
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
