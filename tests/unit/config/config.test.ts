import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../dev-env/temporary-directory.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { loadConfig } from '../../../src/config/config.ts';
import { makeDirectories } from '../../../src/config/directories.ts';
import type { RawEnvironment } from '../../../src/config/env.ts';
import { loadSecrets } from '../../../src/config/secrets.ts';

function problemsOf(raw: RawEnvironment): readonly string[] {
  try {
    loadConfig(raw);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const production = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://wa.example.com/',
  JWT_SECRET: 'j'.repeat(32),
  ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  YCLIENTS_PARTNER_TOKEN: 'partner',
  YCLIENTS_USER_TOKEN: 'user',
  YCLIENTS_APPLICATION_ID: '77',
  DATABASE_URL: 'postgres://u@localhost/db',
};

describe('loadConfig', () => {
  it('needs no variable for development on the embedded store', () => {
    const { config } = loadConfig({});
    expect(config.database.kind).toBe('embedded');
    expect(config.sessionStore).toBe('local');
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 3000, trustProxy: 0 });
  });

  it('stores WhatsApp credentials in the database when one is configured', () => {
    expect(loadConfig({ DATABASE_URL: 'postgres://u@localhost/db' }).config.sessionStore).toBe('database');
  });

  it('reports all problems together, each with the name of its variable', () => {
    const problems = problemsOf({
      PORT: 'http',
      LOG_LEVEL: 'loud',
      WHATSAPP_VERSION: '2.3000',
      TRUST_PROXY: 'true',
    });
    expect(problems).toHaveLength(4);
    for (const name of ['PORT', 'LOG_LEVEL', 'WHATSAPP_VERSION', 'TRUST_PROXY']) {
      expect(problems.some((problem) => problem.startsWith(name))).toBe(true);
    }
  });

  it('accepts a complete production configuration', () => {
    const { config } = loadConfig(production);
    expect(config.production).toBe(true);
    expect(config.http.publicUrl).toBe('https://wa.example.com');
  });

  it('names every variable that production requires', () => {
    const problems = problemsOf({ NODE_ENV: 'production' }).join('\n');
    for (const name of Object.keys(production).slice(1, -1))
      expect(problems).toContain(`${name} is required`);
  });

  it('rejects demo settings in production', () => {
    const problems = problemsOf({
      ...production,
      PUBLIC_URL: 'http://wa.example.com',
      WHATSAPP_WS_URL: 'ws://10.0.0.1:99',
      PACING_PROFILE: 'none',
      YCLIENTS_PARTNER_TOKEN: 'sim_partner_token_0001',
    });
    expect(problems).toHaveLength(4);
  });

  it('rejects settings that contradict each other', () => {
    expect(problemsOf({ SUPABASE_URL: 'https://x.supabase.co' })).toHaveLength(2);
    expect(problemsOf({ SUPABASE_SERVICE_ROLE_KEY: 'k' })[0]).toContain('SUPABASE_URL');
    expect(problemsOf({ JWT_SECRET: 'j'.repeat(32), JWT_SECRET_FILE: 'x' })[0]).toContain('JWT_SECRET_FILE');
  });

  it('accepts a public URL with a path, but no query, fragment or password', () => {
    const { config } = loadConfig({ PUBLIC_URL: 'https://wa.example.com/salons/' });
    expect(config.http.publicUrl).toBe('https://wa.example.com/salons');
    for (const wrong of ['?a=1', '#top', '/x?', '/x#']) {
      expect(problemsOf({ PUBLIC_URL: `https://wa.example.com${wrong}` })[0]).toMatch(/^PUBLIC_URL must/);
    }
    expect(problemsOf({ PUBLIC_URL: 'https://u:p@wa.example.com' })[0]).toMatch(/^PUBLIC_URL must/);
  });

  it('accepts YCLIENTS over plain http on a loopback address only', () => {
    const problems = (url: string, raw: RawEnvironment = {}) => problemsOf({ ...raw, YCLIENTS_API_URL: url });
    expect(problems('https://api.alteg.io')).toEqual([]);
    expect(problems('http://127.0.0.1:4100')).toEqual([]);
    expect(problems('http://api.yclients.com')[0]).toMatch(/^YCLIENTS_API_URL must begin with https/);
    expect(problems('http://127.0.0.1:4100', production)).toHaveLength(1);
    expect(problems('https://api.yclients.com/api/v1')[0]).toMatch(/^YCLIENTS_API_URL must be/);
  });

  it('rejects malformed addresses and shows a valid example', () => {
    const wrong = {
      PUBLIC_URL: 'https://wa.example.com:99999',
      YCLIENTS_API_URL: 'api.yclients.com',
      WHATSAPP_WS_URL: 'ws://127.0.0.1:99999/ws',
      DATABASE_URL: 'postgres://user:pass#word@host/name',
    };
    expect(problemsOf(wrong)).toEqual([
      'PUBLIC_URL must be an address such as https://wa.example.com',
      expect.stringMatching(
        /^DATABASE_URL must be .*postgres:\/\/user:password@host.* in the password as %40/,
      ),
      'YCLIENTS_API_URL must be an address such as https://wa.example.com',
      'WHATSAPP_WS_URL must be an address such as ws://127.0.0.1:4200/ws',
    ]);
    expect(problemsOf({ HOST: '[::1]' })).toEqual([
      'HOST must be an address or a name such as 127.0.0.1, without port or brackets',
    ]);
  });

  it('rejects keys and tokens that cannot be sent in a header', () => {
    for (const name of ['ADMIN_API_KEY', 'METRICS_TOKEN', 'YCLIENTS_PARTNER_TOKEN', 'YCLIENTS_USER_TOKEN']) {
      for (const value of ['сюда-вставить-токен-из-кабинета', 'first line of many\nsecond line of many']) {
        expect(problemsOf({ [name]: value })).toEqual([
          `${name} must be Latin letters, digits and signs on one line`,
        ]);
      }
    }
  });

  it('rejects variables that this version does not support yet', () => {
    expect(problemsOf({ REDIS_URL: 'redis://localhost', ADMIN_PASSWORD_FILE: '/run/secrets/p' })).toEqual([
      'REDIS_URL is not supported yet; remove it',
      'ADMIN_PASSWORD_FILE is not supported yet; remove it',
    ]);
    expect(problemsOf({ REDIS_URL: ' ' })).toEqual([]);
  });

  it('rejects unlimited pacing unless WhatsApp is simulated on a loopback address', () => {
    expect(problemsOf({ PACING_PROFILE: 'none' })).toHaveLength(1);
    expect(problemsOf({ PACING_PROFILE: 'none', WHATSAPP_WS_URL: 'ws://127.0.0.1:1/ws' })).toHaveLength(0);
  });

  it('rejects encryption keys of the wrong length or with a repeated id', () => {
    expect(problemsOf({ ENCRYPTION_KEYS: 'k1:c2hvcnQ=' })[0]).toContain('32 bytes');
    const key = production.ENCRYPTION_KEYS;
    expect(problemsOf({ ENCRYPTION_KEYS: `${key},${key}` })[0]).toContain('no id twice');
  });
});

describe('makeDirectories', () => {
  it('creates only the directories that the configuration writes to', () => {
    using directory = new TemporaryDirectory();
    const at = (name: string) => join(directory.path, name);
    const places = { DATA_DIR: at('data'), SESSIONS_DIR: at('deep/sessions'), LOG_DIR: at('logs') };
    makeDirectories(loadConfig({ ...production, ...places }).config);
    expect(readdirSync(directory.path).toSorted()).toEqual(['data', 'logs']);
    makeDirectories(loadConfig(places).config);
    expect(readdirSync(directory.path).toSorted()).toEqual(['data', 'deep', 'logs']);
  });

  it('names every directory that cannot be created', () => {
    using directory = new TemporaryDirectory();
    const file = join(directory.path, 'file');
    writeFileSync(file, '');
    const loaded = loadConfig({
      DATA_DIR: join(directory.path, 'data'),
      SESSIONS_DIR: file,
      LOG_DIR: `${file}/x`,
    });
    expect(() => makeDirectories(loaded.config)).toThrow(
      expect.objectContaining({
        problems: [
          `SESSIONS_DIR is not writable: ${file} (EEXIST)`,
          `LOG_DIR is not writable: ${file}/x (ENOTDIR)`,
        ],
      }),
    );
  });
});

describe('loadSecrets', () => {
  it('reads a secret from the file named by NAME_FILE', () => {
    using directory = new TemporaryDirectory();
    const file = join(directory.path, 'token');
    writeFileSync(file, 'from-a-file\n');
    const { environment } = loadConfig({ YCLIENTS_PARTNER_TOKEN_FILE: file });
    expect(environment.YCLIENTS_PARTNER_TOKEN).toBe('from-a-file');
  });

  it('generates missing secrets once, readable by the owner only', () => {
    using directory = new TemporaryDirectory();
    const { environment } = loadConfig({});
    const first = loadSecrets(environment, directory.path);
    expect(loadSecrets(environment, directory.path)).toEqual(first);
    expect(first.encryptionKeys[0]?.key).toHaveLength(32);
    expect(statSync(join(directory.path, 'jwt-secret')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(directory.path, 'jwt-secret'), 'utf8')).toBe(first.jwtSecret);
  });
});

describe('configuration warnings', () => {
  const warnings = (raw: RawEnvironment): string => loadConfig(raw).warnings.join('\n');

  it('include demo tokens for the real YCLIENTS, and no proxy in production', () => {
    expect(warnings({})).toContain('YCLIENTS_PARTNER_TOKEN is a demo value');
    expect(warnings(production)).toContain('TRUST_PROXY is 0');
  });

  it('include a simulated WhatsApp in production only', () => {
    const simulated = { WHATSAPP_WS_URL: 'ws://127.0.0.1:4200/ws' };
    expect(warnings({ ...production, ...simulated })).toContain('WHATSAPP_WS_URL is set');
    expect(warnings(simulated)).not.toContain('WHATSAPP_WS_URL');
  });

  it('are absent for a simulated YCLIENTS and for a complete production configuration', () => {
    expect(warnings({ YCLIENTS_API_URL: 'http://127.0.0.1:1' })).toBe('');
    expect(warnings({ ...production, TRUST_PROXY: '1' })).toBe('');
  });
});
