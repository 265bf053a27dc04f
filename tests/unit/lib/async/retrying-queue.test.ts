import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { OutageMonitor } from '../../../../src/lib/async/outage-monitor.ts';
import { RetryingQueue } from '../../../../src/lib/async/retrying-queue.ts';

class OutageError extends Error {}

/** A queue of writes to a database that can be down. */
function createQueue(limit?: number) {
  const database = { isDown: false };
  const done: string[] = [];
  const failures: unknown[] = [];
  const reported: string[] = [];
  const queue = new RetryingQueue(
    {
      isOutage: (error) => error instanceof OutageError,
      outage: new OutageMonitor(
        { began: () => void reported.push('began'), ended: () => void reported.push('ended') },
        () => performance.now(),
      ),
      onTaskFailed: (error) => failures.push(error),
    },
    limit === undefined ? {} : { maxPending: limit },
  );
  const write = (key: string, what: string) =>
    queue.run(key, async () => {
      if (database.isDown) throw new OutageError('Down');
      done.push(what);
    });
  return { database, done, failures, reported, queue, write };
}

describe('RetryingQueue', () => {
  it('retries a failed task until the outage ends, in order per key', async () => {
    const { database, done, failures, reported, write } = createQueue();
    database.isDown = true;
    for (const what of ['sent', 'delivered', 'read']) write('message', what);
    await waitFor('the outage', () => reported.length > 0);
    database.isDown = false;
    await waitFor('the queue', () => done.length === 3);
    expect(done).toEqual(['sent', 'delivered', 'read']);
    expect(reported).toEqual(['began', 'ended']);
    expect(failures).toEqual([]);
  });

  it('reports a task that fails for another reason and continues', async () => {
    const { done, failures, queue, write } = createQueue();
    queue.run('message', async () => {
      throw new Error('A bug');
    });
    write('message', 'sent');
    await waitFor('the next task', () => done.length === 1);
    expect(failures).toEqual([new Error('A bug')]);
  });

  it('drops and reports a task if too many are pending', async () => {
    const { database, done, failures, write } = createQueue(2);
    database.isDown = true;
    for (const what of ['first', 'second', 'third']) write('message', what);
    await waitFor('the failure', () => failures.length === 1);
    database.isDown = false;
    await waitFor('the queue', () => done.length === 2);
    expect(done).toEqual(['first', 'second']);
  });

  it('drops and reports pending tasks if the process stops during the outage', async () => {
    const { database, done, failures, reported, queue, write } = createQueue();
    database.isDown = true;
    write('message', 'sent');
    await waitFor('the outage', () => reported.length > 0);
    write('message', 'delivered');
    await queue[Symbol.asyncDispose]();
    expect(done).toEqual([]);
    expect(failures).toHaveLength(2);
  });
});
