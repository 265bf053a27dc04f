import { describe, expect, it } from 'vitest';
import { KeyedMutex } from '../../../../src/lib/async/keyed-mutex.ts';

describe('tasks of a keyed queue', () => {
  it('run one after another for one key, also after a failure, and side by side for others', async () => {
    const queue = new KeyedMutex<string>();
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = queue.run('a', async () => {
      order.push('a1 begins');
      await gate.promise;
      order.push('a1 ends');
      throw new Error('a1');
    });
    const second = queue.run('a', async () => order.push('a2'));
    await queue.run('b', async () => order.push('b'));
    gate.resolve();

    await expect(first).rejects.toThrow('a1');
    await second;
    expect(order).toEqual(['a1 begins', 'b', 'a1 ends', 'a2']);
  });
});
