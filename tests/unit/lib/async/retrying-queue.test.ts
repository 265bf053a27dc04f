import { describe, expect, it } from 'vitest';
import { OutageMonitor } from '../../../../src/lib/async/outage-monitor.ts';
import { RetryingQueue } from '../../../../src/lib/async/retrying-queue.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

class AwayError extends Error {}

/** Tasks on a database that may be away. */
function onDatabase(limit?: number) {
  const database = { isAway: false };
  const done: string[] = [];
  const failures: unknown[] = [];
  const reported: string[] = [];
  const tasks = new RetryingQueue({
    isOutage: (error) => error instanceof AwayError,
    outage: new OutageMonitor(
      { began: () => void reported.push('began'), ended: () => void reported.push('ended') },
      () => performance.now(),
    ),
    onTaskFailed: (error) => failures.push(error),
    ...(limit !== undefined && { maxPending: limit }),
  });
  const write = (key: string, what: string) =>
    tasks.run(key, async () => {
      if (database.isAway) throw new AwayError('Away');
      done.push(what);
    });
  return { database, done, failures, told: reported, tasks, write };
}

describe('a task that an outage must not undo', () => {
  it('is done when the outage is over, after those of its key that came before it', async () => {
    const { database, done, failures, told: reported, write } = onDatabase();
    database.isAway = true;
    for (const what of ['sent', 'delivered', 'read']) write('message', what);
    await waitFor('the outage', () => reported.length > 0);
    database.isAway = false;
    await waitFor('the tasks', () => done.length === 3);
    expect(done).toEqual(['sent', 'delivered', 'read']);
    expect(reported).toEqual(['began', 'ended']);
    expect(failures).toEqual([]);
  });

  it('is told when it fails by its own fault, and holds up nothing', async () => {
    const { done, failures, tasks, write } = onDatabase();
    tasks.run('message', async () => {
      throw new Error('A bug');
    });
    write('message', 'sent');
    await waitFor('the next task', () => done.length === 1);
    expect(failures).toEqual([new Error('A bug')]);
  });

  it('is given up and told when too many wait already', async () => {
    const { database, done, failures, write } = onDatabase(2);
    database.isAway = true;
    for (const what of ['first', 'second', 'third']) write('message', what);
    await waitFor('the failure', () => failures.length === 1);
    database.isAway = false;
    await waitFor('the tasks', () => done.length === 2);
    expect(done).toEqual(['first', 'second']);
  });

  it('is given up and told when the process ends before the outage', async () => {
    const { database, done, failures, told: reported, tasks, write } = onDatabase();
    database.isAway = true;
    write('message', 'sent');
    await waitFor('the outage', () => reported.length > 0);
    write('message', 'delivered');
    await tasks[Symbol.asyncDispose]();
    expect(done).toEqual([]);
    expect(failures).toHaveLength(2);
  });
});
