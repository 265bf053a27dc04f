import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import {
  unsupportedVariables,
  readEnvironment,
  secretNames,
  variableNames,
} from '../../../src/config/env.ts';

const lines = readFileSync('.env.example', 'utf8').split('\n');
const documented = lines.flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);

/** The variables of the interface contract. */
const contract = `
  NODE_ENV HOST PORT PUBLIC_URL TRUST_PROXY ALLOWED_ORIGINS FRAME_ANCESTORS DATA_DIR SESSIONS_DIR LOG_DIR LOG_LEVEL
  JWT_SECRET ENCRYPTION_KEYS ADMIN_PASSWORD_HASH ADMIN_PASSWORD ADMIN_API_KEY METRICS_TOKEN SUPABASE_URL
  SUPABASE_SERVICE_ROLE_KEY DATABASE_URL REDIS_URL SESSION_STORE YCLIENTS_API_URL YCLIENTS_PARTNER_TOKEN
  YCLIENTS_USER_TOKEN YCLIENTS_APPLICATION_ID WHATSAPP_WS_URL WHATSAPP_VERSION PACING_PROFILE NOTIFY_DEBOUNCE_SECONDS
  INSTANCE_ID WEBHOOK_BATCH_SIZE WEBHOOK_BATCH_WAIT_MS WEBHOOK_WORKER_BATCH`;

describe('environment variables', () => {
  it('cover the interface contract: each is read or rejected as not supported yet', () => {
    const contractNames = contract.trim().split(/\s+/);
    expect([...variableNames, ...unsupportedVariables].toSorted()).toEqual(contractNames.toSorted());
    for (const name of unsupportedVariables) {
      const problem = `${name} is not supported yet; remove it`;
      expect(readEnvironment({ [name]: '1' }).problems).toEqual([problem]);
    }
  });
});

describe('.env.example', () => {
  it('lists every variable once, in the order of the code', () => {
    expect(documented).toEqual([...variableNames]);
  });

  it('states default and production requirement of each variable, and marks secrets', () => {
    for (const name of variableNames) {
      const comment = lines[lines.findIndex((line) => line.startsWith(`${name}=`)) - 1] ?? '';
      expect(comment, name).toMatch(/^# .+ Default: .+ production: .+/);
      expect(comment.endsWith('(secret)'), name).toBe((secretNames as readonly string[]).includes(name));
    }
  });

  it('is a valid development configuration', () => {
    const raw: Record<string, string> = {};
    for (const line of lines) {
      const [name = '', ...value] = line.split('=');
      if (!line.startsWith('#')) raw[name] = value.join('=');
    }
    expect(loadConfig(raw).config.database.kind).toBe('embedded');
  });
});
