import { createHook } from 'node:async_hooks';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { copyDatabaseTemplate } from '../../../../dev-env/pglite-template.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { openTestDatabase } from '../../../../dev-env/test-database.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { pglite } from '../../../support/fixtures/engines.ts';
import { registerCompany, repositoriesOn } from '../../../support/fixtures/storage.ts';
import { StorageProcess } from '../../../support/servers/storage-process.ts';

describe('the embedded database', () => {
  it('keeps every acknowledged message through kill -9, three times in a row', async () => {
    using directory = new TemporaryDirectory();
    const choice = { kind: 'embedded', directory: path.join(directory.path, 'pg') } as const;
    await copyDatabaseTemplate(choice.directory);

    const acknowledged: string[] = [];
    for (const enough of [20, 45, 70]) {
      await using writer = new StorageProcess('write', choice);
      await waitFor(`${enough} messages`, () => ended(writer) ?? writer.lines.length >= enough, 25_000);
      await writer.kill();
      acknowledged.push(...writer.lines);
    }

    await using database = await openTestDatabase(choice);
    const { messages } = repositoriesOn(database);
    const found = await Promise.all(
      acknowledged.map(async (line) => {
        const [companyId, id = ''] = line.split(' ');
        return messages.byId(companyIdFrom(companyId), id);
      }),
    );
    expect(acknowledged.length).toBeGreaterThanOrEqual(135);
    expect(found.filter((message) => message?.status !== 'queued')).toEqual([]);
  }, 90_000);

  it('is locked by one process; another one can open it after the first was killed', async () => {
    using directory = new TemporaryDirectory();
    const choice = { kind: 'embedded', directory: path.join(directory.path, 'pg') } as const;
    await copyDatabaseTemplate(choice.directory);
    await using first = new StorageProcess('write', choice);
    await waitFor('the first to write', () => ended(first) ?? first.lines.length > 0, 25_000);

    await expect(openTestDatabase(choice)).rejects.toThrow(/is in use by another process/);
    await first.kill();

    await using database = await openTestDatabase(choice);
    await expect(openTestDatabase(choice)).rejects.toThrow(/is in use by another process/);
    await database.ping();
  }, 60_000);

  it('restricts its directory to the owner', async () => {
    using temporary = new TemporaryDirectory();
    const directory = path.join(temporary.path, 'pg');
    await copyDatabaseTemplate(directory);
    await using _database = await openTestDatabase({ kind: 'embedded', directory });
    expect(statSync(directory).mode & 0o077).toBe(0);
  });

  it('can be reopened after it was closed', async () => {
    await using place = await pglite.make();
    const first = await openTestDatabase(place.address);
    const { id } = await registerCompany(repositoriesOn(first));
    await first[Symbol.asyncDispose]();

    await using second = await openTestDatabase(place.address);
    expect(await repositoriesOn(second).companies.byId(id)).toMatchObject({ id });
  });

  it('explains how to migrate the directory of another Postgres version', async () => {
    using directory = new TemporaryDirectory();
    const pg = path.join(directory.path, 'pg');
    mkdirSync(pg);
    writeFileSync(path.join(pg, 'PG_VERSION'), '17\n');

    await expect(openTestDatabase({ kind: 'embedded', directory: pg })).rejects.toThrow(
      /written by Postgres 17; this release reads Postgres 18/,
    );
  });

  it('is recreated after an interrupted first start', async () => {
    using directory = new TemporaryDirectory();
    const pg = path.join(directory.path, 'pg');
    mkdirSync(`${pg}.new`);
    writeFileSync(path.join(`${pg}.new`, 'PG_VERSION'), '18\n');

    await using database = await openTestDatabase({ kind: 'embedded', directory: pg });
    expect(await registerCompany(repositoriesOn(database))).toMatchObject({ id: 1 });
  });

  it('flushes the write-ahead log before acknowledging a write, but not for a read', async () => {
    await using place = await pglite.make();
    await using database = await openTestDatabase(place.address);
    const repositories = repositoriesOn(database);
    const { id } = await registerCompany(repositories);

    const read = () => repositories.companies.byId(id);
    const write = () => repositories.events.record({ companyId: id, type: 'written', cause: 'test' });

    for (let round = 0; round < 3; round += 1) {
      // The last segment counts as changed until its mtime is older than the clock granularity.
      await waitFor('the log to settle', async () => (await flushesOf(read)) === 0);
      expect(await flushesOf(write)).toBeGreaterThan(0);
    }
  });
});

/** Counts the file handles opened by flushes; PGlite itself opens files synchronously inside WebAssembly. */
async function flushesOf(work: () => Promise<unknown>): Promise<number> {
  let flushes = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'FILEHANDLE') flushes += 1;
    },
  }).enable();
  try {
    await work();
  } finally {
    hook.disable();
  }
  return flushes;
}

function ended(child: StorageProcess): undefined {
  if (child.stderr !== '') throw new Error(child.stderr);
  return undefined;
}
