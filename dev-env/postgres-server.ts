import { execFile } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { TemporaryDirectory } from './temporary-directory.ts';

const run = promisify(execFile);

/** A Postgres server on a free port, with default settings, in a temporary directory. */
export class PostgresServer implements AsyncDisposable {
  readonly #binaries: string;
  readonly #directory: TemporaryDirectory;
  readonly #port: number;
  #databases = 0;

  private constructor(binaries: string, directory: TemporaryDirectory, port: number) {
    this.#binaries = binaries;
    this.#directory = directory;
    this.#port = port;
  }

  static async start(): Promise<PostgresServer> {
    const directory = new TemporaryDirectory();
    // initdb refuses to run as root; the postgres user must be able to write here.
    chmodSync(directory.path, 0o777);
    const server = new PostgresServer(await findBinaries(), directory, await freePort());
    await server.#runAsPostgres('initdb', [
      '-D',
      server.#data,
      '-U',
      'owner',
      '--auth=trust',
      '--encoding=UTF8',
      '--no-sync',
    ]);
    await server.resume();
    return server;
  }

  /** Creates an empty database. @returns its URL */
  async createDatabase(): Promise<string> {
    this.#databases += 1;
    const name = `test_${this.#databases}`;
    const client = new Client({ connectionString: this.#databaseUrl('postgres') });
    await client.connect();
    await client.query(`create database ${name}`);
    await client.end();
    return this.#databaseUrl(name);
  }

  /** Fast shutdown: every connection is closed. */
  async stopFast(): Promise<void> {
    await this.#runAsPostgres('pg_ctl', ['stop', '-D', this.#data, '-m', 'fast', '-w']);
  }

  async resume(): Promise<void> {
    const options = `-p ${this.#port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''`;
    const log = path.join(this.#directory.path, 'log');
    await this.#runAsPostgres('pg_ctl', ['start', '-D', this.#data, '-l', log, '-o', options, '-w']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runAsPostgres('pg_ctl', ['stop', '-D', this.#data, '-m', 'immediate', '-w']);
    this.#directory[Symbol.dispose]();
  }

  get #data(): string {
    return path.join(this.#directory.path, 'data');
  }

  #databaseUrl(database: string): string {
    return `postgres://owner@127.0.0.1:${this.#port}/${database}`;
  }

  async #runAsPostgres(program: string, args: readonly string[]): Promise<void> {
    const command = [path.join(this.#binaries, program), ...args];
    const isRoot = process.getuid?.() === 0;
    const [file = '', ...rest] = isRoot ? ['runuser', '-u', 'postgres', '--', ...command] : command;
    await run(file, rest, { cwd: this.#directory.path });
  }
}

async function findBinaries(): Promise<string> {
  const fromConfig = await run('pg_config', ['--bindir']).then(
    ({ stdout }) => [stdout.trim()],
    () => [],
  );
  const packaged = '/usr/lib/postgresql';
  const versions = existsSync(packaged) ? readdirSync(packaged).sort((a, b) => Number(b) - Number(a)) : [];
  const candidates = [
    path.join(packaged, '15', 'bin'),
    ...versions.map((version) => path.join(packaged, version, 'bin')),
    ...fromConfig,
    ...(process.env['PATH'] ?? '').split(path.delimiter),
  ];
  const found = candidates.find((directory) => existsSync(path.join(directory, 'initdb')));
  if (found === undefined) {
    throw new Error(
      'No Postgres server is installed: apt-get install postgresql-15 (or brew install postgresql@15)',
    );
  }
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No free port');
  return address.port;
}
