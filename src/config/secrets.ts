import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EncryptionKey } from '../crypto/keyring.ts';
import type { DatabaseAddress } from '../ports/database-address.ts';
import type { CheckedEnvironment } from './schema.ts';

/** Separate from `Config`, so that the configuration can be logged. */
export type Secrets = Readonly<{
  jwtSecret: string;
  encryptionKeys: readonly EncryptionKey[];
  adminApiKey: string | undefined;
  metricsToken: string | undefined;
  database: DatabaseAddress;
  yclientsPartnerToken: string;
  yclientsUserToken: string;
}>;

/**
 * Generates missing secrets once and stores them in `dataDirectory` with mode 0600. In production `checkEnvironment` has
 * required them.
 */
export function loadSecrets(env: CheckedEnvironment, dataDirectory: string): Secrets {
  return {
    jwtSecret:
      env.JWT_SECRET ??
      readOrCreateSecret(dataDirectory, 'jwt-secret', () => randomBytes(48).toString('base64url')),
    encryptionKeys: env.ENCRYPTION_KEYS ?? [
      {
        id: 'local',
        key: Buffer.from(
          readOrCreateSecret(dataDirectory, 'encryption-key', () => randomBytes(32).toString('base64')),
          'base64',
        ),
      },
    ],
    adminApiKey: env.ADMIN_API_KEY,
    metricsToken: env.METRICS_TOKEN,
    database: databaseAddress(env, dataDirectory),
    yclientsPartnerToken: env.YCLIENTS_PARTNER_TOKEN,
    yclientsUserToken: env.YCLIENTS_USER_TOKEN,
  };
}

function databaseAddress(env: CheckedEnvironment, dataDirectory: string): DatabaseAddress {
  const { SUPABASE_URL: url, SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey, DATABASE_URL: databaseUrl } = env;
  if (databaseUrl === undefined) return { kind: 'embedded', directory: join(dataDirectory, 'pg') };
  return url === undefined || serviceRoleKey === undefined
    ? { kind: 'postgres', url: databaseUrl }
    : { kind: 'supabase', url, serviceRoleKey, databaseUrl };
}

function readOrCreateSecret(directory: string, name: string, generate: () => string): string {
  const path = join(directory, name);
  mkdirSync(directory, { recursive: true });
  const temporaryPath = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(temporaryPath, generate(), { mode: 0o600, flush: true });
  try {
    // `link` fails if the name exists: two processes that start together read the same complete secret.
    linkSync(temporaryPath, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    unlinkSync(temporaryPath);
  }
  return readFileSync(path, 'utf8').trim();
}
