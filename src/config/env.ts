import { readFileSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

/** Every variable that the service reads. No other module reads the environment. */
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
  'NOTIFY_DEBOUNCE_SECONDS',
  'WEBHOOK_BATCH_SIZE',
  'WEBHOOK_BATCH_WAIT_MS',
  'WEBHOOK_WORKER_BATCH',
  'INSTANCE_ID',
] as const;

export type VariableName = (typeof variableNames)[number];

/** Secrets, which can also be read from the file named by `NAME_FILE`. */
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

/** Reserved for later versions. Rejected, because an operator who sets one expects an effect. */
export const unsupportedVariables = ['REDIS_URL', 'ADMIN_PASSWORD', 'ADMIN_PASSWORD_HASH'] as const;

export type Environment = Readonly<Partial<Record<VariableName, string>>>;

export type RawEnvironment = Readonly<Record<string, string | undefined>>;

/** The environment, with `.env` of the working directory for variables that are not set. @throws ConfigError */
export function processEnvironment(): RawEnvironment {
  try {
    process.loadEnvFile('.env');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'ENOENT') throw new ConfigError([`.env cannot be read (${String(code)})`], { cause });
  }
  return process.env;
}

/**
 * Selects the variables of the service and reads secret files. An empty value counts as unset. Problems are returned, so that
 * the caller reports all of them together.
 */
export function readEnvironment(raw: RawEnvironment): { values: Environment; problems: string[] } {
  const values: Partial<Record<VariableName, string>> = {};
  const problems: string[] = [];
  for (const name of variableNames) {
    const value = raw[name]?.trim();
    if (isSet(value)) values[name] = value;
  }
  for (const name of secretNames) {
    const path = raw[`${name}_FILE`]?.trim();
    if (!isSet(path)) continue;
    if (values[name] !== undefined) {
      problems.push(`${name} and ${name}_FILE are both set; keep one of them`);
      continue;
    }
    try {
      values[name] = readFileSync(path, 'utf8').trim();
    } catch {
      problems.push(`${name}_FILE cannot be read: ${path}`);
    }
  }
  for (const name of unsupportedVariables.flatMap((variable) => [variable, `${variable}_FILE`])) {
    if (isSet(raw[name])) problems.push(`${name} is not supported yet; remove it`);
  }
  return { values, problems };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== '';
}
