import { accessSync, constants, mkdirSync } from 'node:fs';
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
    path === undefined ? [] : problemsOf(name, path),
  );
  if (problems.length > 0) throw new ConfigError(problems);
}

function problemsOf(name: string, path: string): string[] {
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK | constants.X_OK);
    return [];
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return [`${name} cannot be written to: ${path} (${reason})`];
  }
}
