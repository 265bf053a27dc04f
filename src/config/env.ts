import { readFileSync } from 'node:fs';

/** Every variable the service reads; nothing else in the process looks at the environment. */
export const variableNames = [
  'NODE_ENV',
  'HOST',
  'PORT',
  'PUBLIC_URL',
  'TRUST_PROXY',
  'ALLOWED_ORIGINS',
  'FRAME_ANCESTORS',
  'DATA_DIR',
  'SESSIONS_DIR',
  'LOG_DIR',
  'LOG_LEVEL',
  'JWT_SECRET',
  'ENCRYPTION_KEYS',
  'ADMIN_API_KEY',
  'METRICS_TOKEN',
  'SUPABASE_URL',
  'SUPABASE_SERVICE_ROLE_KEY',
  'DATABASE_URL',
  'SESSION_STORE',
  'YCLIENTS_API_URL',
  'YCLIENTS_PARTNER_TOKEN',
  'YCLIENTS_USER_TOKEN',
  'YCLIENTS_APPLICATION_ID',
  'WHATSAPP_WS_URL',
  'WHATSAPP_VERSION',
  'PACING_PROFILE',
  'INSTANCE_ID',
] as const;

export type VariableName = (typeof variableNames)[number];

/** These may also come from the file that `NAME_FILE` names. */
export const secretNames = [
  'JWT_SECRET',
  'ENCRYPTION_KEYS',
  'ADMIN_API_KEY',
  'METRICS_TOKEN',
  'SUPABASE_SERVICE_ROLE_KEY',
  'DATABASE_URL',
  'YCLIENTS_PARTNER_TOKEN',
  'YCLIENTS_USER_TOKEN',
] as const satisfies readonly VariableName[];

export type Environment = Readonly<Partial<Record<VariableName, string>>>;

export type RawEnvironment = Readonly<Record<string, string | undefined>>;

/** Reads `.env` of the working directory, if there is one, under the real environment. */
export function processEnvironment(): RawEnvironment {
  try {
    process.loadEnvFile('.env');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return process.env;
}

/**
 * Picks our variables. An empty value is the same as none; a secret is read from its file when only the file is named.
 * Problems are returned, not thrown, so that all of them are reported together.
 */
export function readEnvironment(raw: RawEnvironment): { values: Environment; problems: string[] } {
  const values: Partial<Record<VariableName, string>> = {};
  const problems: string[] = [];
  for (const name of variableNames) {
    const value = raw[name]?.trim();
    if (value !== undefined && value !== '') values[name] = value;
  }
  for (const name of secretNames) {
    const path = raw[`${name}_FILE`]?.trim();
    if (path === undefined || path === '') continue;
    if (values[name] !== undefined) {
      problems.push(`${name} and ${name}_FILE are both set; keep one of them`);
      continue;
    }
    try {
      values[name] = readFileSync(path, 'utf8').trim();
    } catch {
      problems.push(`${name}_FILE names a file that cannot be read: ${path}`);
    }
  }
  return { values, problems };
}
