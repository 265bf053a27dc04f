import { execFileSync } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../dev-env/temporary-directory.ts';
import { Keyring } from '../../../src/crypto/keyring.ts';
import { Spool, SpoolFailedError } from '../../../src/inbox/spool.ts';
import { DirectoryInUseError } from '../../../src/lib/directory-lock.ts';

const keyring = new Keyring([{ id: 'test', key: Buffer.alloc(32, 7) }]);

async function openSpool(
  directory: string,
  changes: Partial<Parameters<typeof Spool.open>[0]> = {},
): Promise<Spool> {
  return await Spool.open({
    directory,
    keyring,
    onDamagedSegment: () => {
      throw new Error('Damaged');
    },
    ...changes,
  });
}

async function drain(spool: Spool): Promise<unknown[]> {
  const records: unknown[] = [];
  for (let segment = await spool.oldest(); segment !== undefined; segment = await spool.oldest()) {
    records.push(...segment.records);
    await spool.remove(segment);
  }
  return records;
}

describe('Spool', () => {
  it('returns all records in order to the next process and is empty afterwards', async () => {
    using temporary = new TemporaryDirectory();
    const directory = join(temporary.path, 'spool');
    {
      await using spool = await openSpool(directory, { segmentBytes: 300 });
      expect(spool.isEmpty).toBe(true);
      for (let n = 0; n < 9; n += 3) await spool.append([{ n }, { n: n + 1 }, { n: n + 2 }]);
      expect(readdirSync(directory).length).toBeGreaterThan(1);
      expect(spool.bytes).toBeGreaterThan(300);
    }
    await using next = await openSpool(directory);
    expect(next.isEmpty).toBe(false);
    expect(await drain(next)).toEqual(Array.from({ length: 9 }, (_, n) => ({ n })));
    expect([next.isEmpty, next.bytes, readdirSync(directory)]).toEqual([true, 0, []]);
  });

  it('writes encrypted files that only the owner may read', async () => {
    using temporary = new TemporaryDirectory();
    await using spool = await openSpool(temporary.path);
    await spool.append([{ name: 'Анна', phone: '+79001234567' }]);
    const [file = ''] = readdirSync(temporary.path);
    expect(readFileSync(join(temporary.path, file), 'utf8')).not.toMatch(/Анна|9001234567|name/);
    expect(statSync(join(temporary.path, file)).mode & 0o077).toBe(0);
  });

  it('accepts new records while the oldest segment is drained, without duplicates', async () => {
    using temporary = new TemporaryDirectory();
    await using spool = await openSpool(temporary.path);
    await spool.append([{ n: 1 }]);
    const first = await spool.oldest();
    await spool.append([{ n: 2 }]);
    expect(first?.records).toEqual([{ n: 1 }]);
    if (first !== undefined) await spool.remove(first);
    expect(await drain(spool)).toEqual([{ n: 2 }]);
  });

  it('skips a torn line, reports the segment and keeps its file', async () => {
    using temporary = new TemporaryDirectory();
    {
      await using spool = await openSpool(temporary.path);
      await spool.append([{ n: 1 }, { n: 2 }]);
    }
    const [file = ''] = readdirSync(temporary.path);
    const path = join(temporary.path, file);
    truncateSync(path, statSync(path).size - 20);
    const reported: unknown[] = [];
    await using next = await openSpool(temporary.path, {
      onDamagedSegment: (...args) => reported.push(args),
    });
    await next.append([{ n: 3 }]);
    expect(await drain(next)).toEqual([{ n: 1 }, { n: 3 }]);
    expect(reported).toEqual([[file, 1]]);
    expect(readdirSync(temporary.path)).toEqual([`${file}.damaged`]);
  });

  it('locks its directory until it is closed', async () => {
    using temporary = new TemporaryDirectory();
    const directory = join(temporary.path, 'spool');
    {
      await using spool = await openSpool(directory);
      await spool.append([{ n: 1 }]);
      await expect(openSpool(directory)).rejects.toBeInstanceOf(DirectoryInUseError);
    }
    await using next = await openSpool(directory);
    expect(await drain(next)).toEqual([{ n: 1 }]);
  });

  it('rejects a line encrypted for another context', async () => {
    using temporary = new TemporaryDirectory();
    const foreign = keyring.seal('another context', '{"n":9}').toString('base64');
    appendFileSync(join(temporary.path, '0000000001.spool'), `${foreign}\n`);
    const reported: unknown[] = [];
    await using spool = await openSpool(temporary.path, {
      onDamagedSegment: (...args) => reported.push(args),
    });
    expect(await drain(spool)).toEqual([]);
    expect(reported).toHaveLength(1);
  });

  it('rejects records beyond its size limit until it has been drained', async () => {
    using temporary = new TemporaryDirectory();
    await using spool = await openSpool(temporary.path, { maxBytes: 1_000 });
    await spool.append([{ text: 'x'.repeat(300) }]);
    await expect(spool.append([{ text: 'x'.repeat(900) }])).rejects.toBeInstanceOf(SpoolFailedError);
    expect(await drain(spool)).toHaveLength(1);
    await spool.append([{ n: 2 }]);
    expect(await drain(spool)).toEqual([{ n: 2 }]);
  });

  it.skipIf(process.getuid?.() !== 0)('rolls back a batch when the disk is full', async () => {
    using temporary = new TemporaryDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', temporary.path]);
    try {
      await using spool = await openSpool(temporary.path);
      await spool.append([{ n: 1 }]);
      const tooMuch = Array.from({ length: 100 }, (_, n) => ({ n, text: 'x'.repeat(1_000) }));
      await expect(spool.append(tooMuch)).rejects.toBeInstanceOf(SpoolFailedError);
      await spool.append([{ n: 2 }]);
      expect(await drain(spool)).toEqual([{ n: 1 }, { n: 2 }]);
    } finally {
      execFileSync('umount', ['-l', temporary.path]);
    }
  });
});
