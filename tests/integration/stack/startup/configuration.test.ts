import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { makeDirectories } from '../../../../src/config/directories.ts';
import { FullDisk } from '../../../support/faults/full-disk.ts';

const entry = fileURLToPath(new URL('../../../../src/main.ts', import.meta.url));

/** Runs the server in an empty directory until it exits. */
async function run(environment: Readonly<Record<string, string>>) {
  using directory = new TemporaryDirectory();
  const child = spawn(process.execPath, [entry], {
    cwd: directory.path,
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 25_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output, createdFiles: readdirSync(directory.path) };
}

describe('an invalid configuration', () => {
  it('is reported with all its problems before anything is created', async () => {
    const { code, output, createdFiles } = await run({
      NODE_ENV: 'production',
      PORT: 'eighty',
      TRUST_PROXY: 'true',
      LOG_LEVEL: 'loud',
      SUPABASE_URL: 'https://db.example',
      PACING_PROFILE: 'none',
      ENCRYPTION_KEYS: 'k1:short',
      PUBLIC_URL: 'http://plain.example',
    });
    expect(code).toBe(78);
    const names = [
      'PORT',
      'TRUST_PROXY',
      'LOG_LEVEL',
      'SUPABASE_SERVICE_ROLE_KEY',
      'DATABASE_URL',
      'PACING_PROFILE',
      'ENCRYPTION_KEYS',
      'PUBLIC_URL',
      'JWT_SECRET',
      'YCLIENTS_PARTNER_TOKEN',
      'YCLIENTS_USER_TOKEN',
      'YCLIENTS_APPLICATION_ID',
    ];
    for (const name of names) expect(output).toMatch(new RegExp(`^ *- ${name}\\b.+`, 'm'));
    expect(output).not.toContain('listening');
    expect(output).not.toMatch(/^ +at /m);
    expect(createdFiles).toEqual([]);
  });

  it('is reported for a secret given twice, without the secret', async () => {
    const secret = 'a-secret-that-is-long-enough-0123456789';
    const { code, output, createdFiles } = await run({
      JWT_SECRET: secret,
      JWT_SECRET_FILE: '/nowhere',
      PORT: '0',
    });
    expect(code).toBe(78);
    expect(output).toContain('JWT_SECRET and JWT_SECRET_FILE');
    expect(output).not.toContain(secret);
    expect(createdFiles).toEqual([]);
  });

  it('is reported for directories that cannot be written to', async () => {
    const { code, output } = await run({ DATA_DIR: '/proc/x', SESSIONS_DIR: '/proc/x/y', LOG_DIR: '/proc' });
    expect(code).toBe(78);
    expect(output).toContain('DATA_DIR is not writable: /proc/x (');
    expect(output).toContain('SESSIONS_DIR is not writable: /proc/x/y (');
    expect(output).toContain('LOG_DIR is not writable: /proc (');
  });
});

describe('a full disk', () => {
  it('is not reported as an invalid configuration', () => {
    using directory = new TemporaryDirectory();
    using disk = new FullDisk(directory.path, { files: 2 });
    disk.fill();
    const directories = { data: directory.path, sessions: directory.path, logs: directory.path };
    expect(() => makeDirectories({ directories, sessionStore: 'local' })).not.toThrow();
  });
});
