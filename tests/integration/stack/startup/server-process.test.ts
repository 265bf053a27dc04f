import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { copyDatabaseTemplate } from '../../../../dev-env/pglite-template.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { openDatabase } from '../../../../src/storage/database/database.ts';
import { RefusingPostgres } from '../../../support/faults/refusing-postgres.ts';
import { localEngines } from '../../../support/fixtures/engines.ts';

const entry = fileURLToPath(new URL('../../../../src/main.ts', import.meta.url));

/** A server process, observable from its start. */
class ServerProcess implements AsyncDisposable {
  output = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(directory: string, environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [entry], {
      cwd: directory,
      env: {
        PATH: process.env['PATH'] ?? '',
        PORT: '0',
        WHATSAPP_WS_URL: 'ws://127.0.0.1:9/',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
    this.#exited = once(this.#child, 'close');
  }

  async waitForLine(message: string): Promise<Record<string, unknown>> {
    return await waitFor(
      `the log line ${message}`,
      () => {
        const line = this.output.split('\n').find((text) => text.includes(`"message":"${message}"`));
        return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
      },
      30_000,
    );
  }

  /** @returns the exit code; null when the process did not handle the signal */
  async exit(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal !== undefined) this.#child.kill(signal);
    await this.#exited;
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

describe('a server that is starting', () => {
  it('is live at once, responds 503 to other requests, and exits on SIGTERM', async () => {
    using directory = new TemporaryDirectory();
    await using server = new ServerProcess(directory.path);
    const url = String((await server.waitForLine('Starting'))['listening']);
    const [live, ready, webhook] = await Promise.all([
      fetch(`${url}/health/live`),
      fetch(`${url}/health/ready`, { headers: { 'x-request-id': 'caller-0001' } }),
      fetch(`${url}/marketplace/webhook/1/secret`, { method: 'POST', body: 'x'.repeat(100_000) }),
    ]);
    expect(live.status).toBe(200);
    expect(await live.json()).toEqual({ status: 'ok' });
    expect(ready.status).toBe(503);
    expect(ready.headers.get('retry-after')).toBe('2');
    expect(await ready.json()).toEqual({
      success: false,
      error: 'Сервис запускается.',
      code: 'DB_ERROR',
      requestId: 'caller-0001',
      retryAfter: 2,
    });
    expect(webhook.status).toBe(503);
    expect(server.output).not.toContain('"Ready"');
    expect(await server.exit('SIGTERM')).toBe(0);
    expect(server.output).not.toContain('"level":"error"');
  }, 90_000);
});

describe('a server that cannot start', () => {
  it('names a directory that it cannot write to and exits with 78', async () => {
    using directory = new TemporaryDirectory();
    writeFileSync(join(directory.path, 'logs'), 'not a directory');
    await using server = new ServerProcess(directory.path);
    expect(await server.exit()).toBe(78);
    expect(server.output).toContain('LOG_DIR is not writable');
  });

  it('reports an unreadable .env and exits with 78', async () => {
    using directory = new TemporaryDirectory();
    mkdirSync(join(directory.path, '.env'));
    await using server = new ServerProcess(directory.path);
    expect(await server.exit()).toBe(78);
    expect(server.output).toContain('.env cannot be read');
  });

  it('reports a port in use, also on stderr', async () => {
    using directory = new TemporaryDirectory();
    await using first = new ServerProcess(directory.path);
    const url = String((await first.waitForLine('Starting'))['listening']);
    using otherDirectory = new TemporaryDirectory();
    await using second = new ServerProcess(otherDirectory.path, { PORT: new URL(url).port });
    expect(await second.exit()).toBe(1);
    expect(second.output).toContain('EADDRINUSE');
    expect(second.output).toMatch(/^HOST and PORT are already in use/m);
    expect(second.output).not.toContain('"stack"');
  });

  it('reports a HOST that is no address of this machine and exits with 78', async () => {
    using directory = new TemporaryDirectory();
    // Reserved for documentation (RFC 5737), assigned to no machine.
    await using server = new ServerProcess(directory.path, { HOST: '192.0.2.1' });
    expect(await server.exit()).toBe(78);
    expect(server.output).toMatch(/^HOST is not an address of this machine/m);
    expect(server.output).not.toContain('"stack"');
  });

  it.each([
    ['28P01', 78, 'The database of DATABASE_URL rejected the password'],
    ['3D000', 1, 'The database of DATABASE_URL does not exist'],
    [undefined, 1, 'The database of DATABASE_URL refuses connections'],
  ])(
    'reports what is wrong with DATABASE_URL without its password (%s, exit code %i)',
    async (sqlState, code, message) => {
      using directory = new TemporaryDirectory();
      await using database = await RefusingPostgres.start(sqlState);
      await using server = new ServerProcess(directory.path, {
        DATABASE_URL: `postgres://user:hush@127.0.0.1:${database.port}/name`,
      });
      expect(await server.exit()).toBe(code);
      expect(server.output).toMatch(new RegExp(`^${message}`, 'm'));
      expect(server.output).not.toContain('"stack"');
      expect(server.output).not.toContain('hush');
    },
  );

  it.each(localEngines({ both: 'Each engine is opened and closed in its own way' }))(
    'refuses a database of an unreleased version on $name and exits with 78',
    async ({ make }) => {
      await using place = await make();
      const { address } = place;
      const migrations = [
        { version: '20261122100000', name: 'companies', sql: 'create table public.old ()' },
      ];
      const onError = (error: unknown): void => {
        throw error;
      };
      const database = await openDatabase(address, { migrations, onError, now: () => new Date() });
      await database[Symbol.asyncDispose]();

      using directory = new TemporaryDirectory();
      await using server = new ServerProcess(
        directory.path,
        address.kind === 'embedded'
          ? { DATA_DIR: dirname(address.directory) }
          : { DATABASE_URL: address.kind === 'postgres' ? address.url : address.databaseUrl },
      );
      expect(await server.exit()).toBe(78);
      expect(server.output).toMatch(/^The database was created by an unreleased version/m);
      expect(server.output).not.toContain('"stack"');
    },
  );
});

describe('a server whose log disk is full', () => {
  it('keeps logging to the console and exits cleanly', async () => {
    using directory = new TemporaryDirectory();
    await copyDatabaseTemplate(join(directory.path, 'data', 'pg'));
    mkdirSync(join(directory.path, 'logs'));
    symlinkSync('/dev/full', join(directory.path, 'logs', 'marketplace-combined.log'));
    await using server = new ServerProcess(directory.path);
    const url = String((await server.waitForLine('Ready'))['listening']);
    for (let request = 0; request < 100; request += 1) {
      await fetch(`${url}/marketplace/nowhere/${'x'.repeat(150)}`);
    }
    await fetch(`${url}/marketplace/status/7`);
    await waitFor('the last request on the console', () => server.output.includes('/marketplace/status/7'));
    expect(await server.exit('SIGTERM')).toBe(0);
    expect(server.output.match(/ENOSPC/g)).toHaveLength(1);
  });
});
