import { describe, expect, it } from 'vitest';
import { KeyedMutex } from '../../../../src/lib/async/keyed-mutex.ts';

describe('KeyedMutex', () => {
  it('runs tasks of one key in order, also after a failure, and other keys concurrently', async () => {
    const mutex = new KeyedMutex<string>();
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = mutex.run('a', async () => {
      order.push('a1 begins');
      await gate.promise;
      order.push('a1 ends');
      throw new Error('a1');
    });
    const second = mutex.run('a', async () => order.push('a2'));
    await mutex.run('b', async () => order.push('b'));
    gate.resolve();

    await expect(first).rejects.toThrow('a1');
    await second;
    expect(order).toEqual(['a1 begins', 'b', 'a1 ends', 'a2']);
  });
});
