import { describe, expect, it } from 'vitest';
import { GroupCommit } from '../../../src/inbox/group-commit.ts';

/** Records batches; each write ends when the test calls `finish`. */
class Writer {
  readonly groups: (readonly number[])[] = [];
  readonly #waiting: (() => void)[] = [];

  readonly write = async (items: readonly number[]): Promise<string> => {
    this.groups.push(items);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return `group ${this.groups.length}`;
  };

  async finish(): Promise<void> {
    this.#waiting.shift()?.();
    await new Promise(setImmediate);
  }
}

describe('GroupCommit', () => {
  it('writes a single item at once and batches items that arrive during the write', async () => {
    const writer = new Writer();
    const commit = new GroupCommit(writer.write, { maxBatchSize: 10, waitMs: 0 });
    const first = commit.add(1);
    const others = [2, 3, 4].map((item) => commit.add(item));
    expect(writer.groups).toEqual([[1]]);
    await writer.finish();
    expect(await first).toBe('group 1');
    expect(writer.groups).toEqual([[1], [2, 3, 4]]);
    await writer.finish();
    expect(await Promise.all(others)).toEqual(['group 2', 'group 2', 'group 2']);
  });

  it('limits the batch size', async () => {
    const writer = new Writer();
    const commit = new GroupCommit(writer.write, { maxBatchSize: 2, waitMs: 0 });
    const all = [1, 2, 3, 4, 5, 6].map((item) => commit.add(item));
    for (let group = 0; group < 4; group += 1) await writer.finish();
    await Promise.all(all);
    expect(writer.groups).toEqual([[1], [2, 3], [4, 5], [6]]);
  });

  it('waits for more items if waitMs is set', async () => {
    const writer = new Writer();
    const commit = new GroupCommit(writer.write, { maxBatchSize: 10, waitMs: 20 });
    const both = [commit.add(1), commit.add(2)];
    await expect.poll(() => writer.groups).toEqual([[1, 2]]);
    await writer.finish();
    await Promise.all(both);
  });

  it('rejects the items of a failed batch and continues', async () => {
    const outcomes = [Promise.reject(new Error('no')), Promise.resolve('fine')];
    const commit = new GroupCommit(() => outcomes.shift() ?? Promise.resolve(''), {
      maxBatchSize: 1,
      waitMs: 0,
    });
    await expect(commit.add(1)).rejects.toThrow('no');
    expect(await commit.add(2)).toBe('fine');
  });
});
