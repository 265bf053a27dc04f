import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../dev-env/temporary-directory.ts';
import { LogFile } from '../../../src/observability/log-file.ts';
import { createLogger } from '../../../src/observability/logger.ts';

describe('LogFile', () => {
  it('rotates when full and keeps the newest files, also across restarts', async () => {
    using directory = new TemporaryDirectory();
    const failures: unknown[] = [];
    for (let line = 1; line <= 7; line += 1) {
      const path = join(directory.path, 'a.log');
      const file = new LogFile({ path, maxBytes: 8, maxFiles: 3, onError: (error) => failures.push(error) });
      file.write(`line ${line}\n`);
      await finished(file.end(`more\n`));
    }
    expect(readdirSync(directory.path).toSorted()).toEqual(['a.log', 'a1.log', 'a2.log']);
    const readLog = (name: string) => readFileSync(join(directory.path, name), 'utf8');
    expect(readLog('a.log')).toBe('line 7\nmore\n');
    expect(readLog('a1.log')).toBe('line 6\nmore\n');
    expect(failures).toEqual([]);
  });

  it('reports a full disk once and does not block writers', async () => {
    using directory = new TemporaryDirectory();
    symlinkSync('/dev/full', join(directory.path, 'full.log'));
    const failures: unknown[] = [];
    const path = join(directory.path, 'full.log');
    const file = new LogFile({ path, maxBytes: 1e6, maxFiles: 3, onError: (error) => failures.push(error) });
    for (let line = 0; line < 500; line += 1) file.write('x'.repeat(1000));
    await finished(file.end());
    expect(failures).toEqual([expect.objectContaining({ code: 'ENOSPC' })]);
  });
});

describe('createLogger', () => {
  it('writes every line to the combined file and errors also to the error file', async () => {
    using directory = new TemporaryDirectory();
    {
      await using logger = createLogger({
        level: 'info',
        directory: directory.path,
        console: false,
        context: { part: 'test' },
      });
      logger.debug('below the level');
      for (let line = 0; line < 1000; line += 1) logger.info(`line ${line}`);
      logger.error('broken', { phone: '+79001234567' });
    }
    const readLines = (name: string): Record<string, unknown>[] =>
      readFileSync(join(directory.path, name), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const combined = readLines('marketplace-combined.log');
    expect(combined).toHaveLength(1001);
    expect(combined.at(-1)).toMatchObject({ message: 'broken', part: 'test', phone: '+7900***4567' });
    expect(readLines('marketplace-error.log')).toEqual(combined.slice(-1));
  });

  it('drops lines that are logged after its disposal', async () => {
    using directory = new TemporaryDirectory();
    const logger = createLogger({ level: 'info', directory: directory.path, console: false, context: {} });
    const child = logger.child({ part: 'library' });
    child.info('before disposal');
    const disposed = logger[Symbol.asyncDispose]();
    child.warn('during disposal');
    await disposed;
    child.warn('after disposal');
    const text = readFileSync(join(directory.path, 'marketplace-combined.log'), 'utf8');
    expect(text.trimEnd().split('\n')).toEqual([expect.stringContaining('before disposal')]);
  });
});
