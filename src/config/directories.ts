import { accessSync, constants, mkdirSync } from 'node:fs';
import { ConfigError } from './config-error.ts';
import type { Config } from './config.ts';
import type { CheckedEnvironment } from './environment-schema.ts';

/**
 * Makes the directories that this configuration writes to, so that a wrong one is found before anything has begun.
 * @throws ConfigError with every problem at once
 */
export function makeDirectories(
  loaded: Readonly<{ config: Config; checked: Pick<CheckedEnvironment, 'JWT_SECRET' | 'ENCRYPTION_KEYS'> }>,
): void {
  const { directories, database, sessionStore } = loaded.config;
  const makesSecrets =
    loaded.checked.JWT_SECRET === undefined || loaded.checked.ENCRYPTION_KEYS === undefined;
  const used = {
    DATA_DIR: database.kind === 'embedded' || makesSecrets ? directories.data : undefined,
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
