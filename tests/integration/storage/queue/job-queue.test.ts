import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../../dev-env/test-database.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import type { Job } from '../../../../src/ports/job-queue.ts';
import type { Database } from '../../../../src/storage/database/database.ts';
import { createJobQueue } from '../../../../src/storage/queue/job-queue.ts';
import type { StoppableJobQueue } from '../../../../src/storage/queue/job-queue.ts';
import { monotonicMs, OutageLog } from '../../../support/faults/outage-log.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import type { TestDatabase } from '../../../support/fixtures/engines.ts';
import { StorageProcess } from '../../../support/servers/storage-process.ts';

const policies = {
  webhooks: {
    maxAttempts: 3,
    maxInterruptions: 20,
    backoff: { baseMs: 1_000, maxMs: 1_000 },
    concurrency: 4,
  },
};

describe.each(
  engines({ both: 'Claiming with SKIP LOCKED, lost connections and heartbeats of killed processes' }),
)('jobs in $name', ({ make }) => {
  let place: TestDatabase;
  let database: Database;
  let queue: StoppableJobQueue;
  let errors: unknown[];
  let outages: OutageLog;

  beforeAll(async () => {
    place = await make();
  });

  afterAll(() => place[Symbol.asyncDispose]());

  beforeEach(async () => {
    errors = [];
    outages = new OutageLog();
    await open();
  });

  afterEach(close);

  async function open(): Promise<void> {
    database = await openTestDatabase(place.address);
    queue = await createJobQueue(
      { database, onError: (error) => errors.push(error), outageCallbacks: outages.callbacks, monotonicMs },
      { policies, graceMs: 2_000 },
    );
  }

  async function close(): Promise<void> {
    await queue[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  }

  it('run once per id, however often it is inserted', async () => {
    const runs: Job[] = [];
    await queue.work('webhooks', async (job) => void runs.push(job));
    const job = { id: randomUUID(), key: 'repeat', data: { salon: 5 } };

    await queue.insert('webhooks', [job, job]);
    await Promise.all([queue.insert('webhooks', [job]), queue.insert('webhooks', [job])]);
    await queue.insert('webhooks', [{ key: 'repeat', data: { last: true } }]);
    await waitFor('both jobs', () => runs.length >= 2);

    expect(runs.map(({ id, key, data, attempt }) => [id === job.id, key, data, attempt])).toEqual([
      [true, 'repeat', { salon: 5 }, 1],
      [false, 'repeat', { last: true }, 1],
    ]);
  });

  it('of one key run one at a time in insertion order, independently of other keys', async () => {
    const gate = Promise.withResolvers<void>();
    const log: string[] = [];
    await queue.work('webhooks', async ({ key, data }) => {
      const name = `${key}${(data as { n: number }).n}`;
      log.push(`${name} begins`);
      if (name === 'slow0') await gate.promise;
      log.push(`${name} ends`);
    });
    const batch = (key: string) => Array.from({ length: 8 }, (_, n) => ({ key, data: { n } }));

    await queue.insert('webhooks', batch('slow').slice(0, 4));
    for (const job of batch('slow').slice(4)) await queue.insert('webhooks', [job]);
    await queue.insert('webhooks', batch('quick'));
    await waitFor('the quick ones', () => log.includes('quick7 ends'), 10_000);
    gate.resolve();
    await waitFor('the slow ones', () => log.includes('slow7 ends'), 10_000);

    for (const key of ['slow', 'quick']) {
      expect(log.filter((line) => line.startsWith(key))).toEqual(
        batch(key).flatMap(({ data: { n } }) => [`${key}${n} begins`, `${key}${n} ends`]),
      );
    }
    expect(log.indexOf('quick7 ends')).toBeLessThan(log.indexOf('slow0 ends'));
  });

  it('accept data with characters that jsonb rejects', async () => {
    const runs: unknown[] = [];
    await queue.work('webhooks', async ({ data }) => void runs.push(data));

    await queue.insert('webhooks', [{ key: 'odd', data: { name: 'О\0ля \ud800', 'k\0': 1 } }]);

    expect(await waitFor('the job', () => runs[0])).toEqual({ name: 'О\ufffdля \ufffd', 'k\ufffd': 1 });
  });

  it('start within 300 ms of the insert', async () => {
    const started = new Map<string, number>();
    await queue.work('webhooks', async ({ id }) => void started.set(id, performance.now()));
    const delaysMs: number[] = [];
    for (let count = 0; count < 7; count += 1) {
      const id = randomUUID();
      const insertedAtMs = performance.now();
      await queue.insert('webhooks', [{ id, key: id, data: {} }]);
      delaysMs.push((await waitFor('the job', () => started.get(id))) - insertedAtMs);
    }

    // The median tolerates load on the machine.
    expect(delaysMs.toSorted((a, b) => a - b)[3]).toBeLessThan(300);
  });

  it('that fail are retried with back-off while the jobs of their key wait', async () => {
    const attempts: [string, number, number][] = [];
    await queue.work('webhooks', async ({ data, attempt }) => {
      const { name } = data as { name: string };
      attempts.push([name, attempt, performance.now()]);
      if (name === 'flaky' && attempt < 3) throw new Error(`attempt ${attempt} failed`);
    });

    await queue.insert('webhooks', [
      { key: 'retry', data: { name: 'flaky' } },
      { key: 'retry', data: { name: 'next' } },
    ]);
    await waitFor('the next job', () => attempts.some(([name]) => name === 'next'), 10_000);

    expect(attempts.map(([name, attempt]) => `${name} ${attempt}`)).toEqual([
      'flaky 1',
      'flaky 2',
      'flaky 3',
      'next 1',
    ]);
    expect((attempts[1]?.[2] ?? 0) - (attempts[0]?.[2] ?? 0)).toBeGreaterThan(400);
    expect(errors.map(String)).toEqual(['Error: attempt 1 failed', 'Error: attempt 2 failed']);
  });

  it('that use up their attempts are dead-lettered with the reason and unblock their key', async () => {
    const done: unknown[] = [];
    const deadLettered: [string, string][] = [];
    await queue.work(
      'webhooks',
      async ({ data }) => {
        if ((data as { poison?: boolean }).poison === true) throw new TypeError('cannot be done');
        done.push(data);
      },
      async (job, reason) => void deadLettered.push([job.id, String(reason)]),
    );
    const id = randomUUID();

    await queue.insert('webhooks', [
      { id, key: 'poisoned', data: { poison: true } },
      { key: 'poisoned', data: { fine: 1 } },
    ]);
    await waitFor('the job behind it', () => done.length === 1, 15_000);

    expect(deadLettered).toEqual([[id, 'TypeError: cannot be done']]);
    const letters = await database.sql.transaction((session) =>
      session.query(`select data from pgboss.job where name = 'webhooks_dead' and id = $1`, [id]),
    );
    expect(letters).toEqual([
      {
        data: {
          key: 'poisoned',
          data: { poison: true },
          attempts: 3,
          reason: { name: 'TypeError', message: 'cannot be done' },
        },
      },
    ]);
  });

  it('are retried through a database outage without counting attempts; it is reported once', async () => {
    const attempts: number[] = [];
    await queue.work('webhooks', async ({ attempt }) => {
      attempts.push(attempt);
      if (attempts.length <= 4) throw new AppError('DB_ERROR');
    });

    await queue.insert('webhooks', [{ key: 'patient', data: {} }]);
    await waitFor('the job to succeed', () => attempts.length > 4, 25_000);
    await waitFor('the end of the outage', () => outages.lines.length > 1);

    expect(attempts).toEqual([1, 1, 1, 1, 1]);
    expect(outages.lines).toEqual(['Job handlers (webhooks) began', 'Job handlers (webhooks) ended']);
    expect(errors).toEqual([]);
  }, 40_000);

  it('that the database rejects as invalid do not count as an outage', async () => {
    const attempts: number[] = [];
    await queue.work('webhooks', async ({ attempt }) => {
      attempts.push(attempt);
      throw new AppError('DB_ERROR', { retryable: false });
    });
    await queue.insert('webhooks', [{ key: 'refused', data: {} }]);
    await waitFor('all attempts', () => attempts.length === 3, 10_000);
    expect(attempts).toEqual([1, 2, 3]);
    expect(outages.lines).toEqual([]);
  });

  it('that wait for a retry run immediately after runNow', async () => {
    const attempts: number[] = [];
    await queue.work('activation', async ({ attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error('not yet');
    });
    await queue.insert('activation', [{ key: 'run-now', data: {} }]);
    const startedAtMs = performance.now();
    await waitFor('the third attempt', async () => {
      await queue.runNow('activation', 'run-now');
      return attempts.length === 3;
    });
    // The back-off alone takes at least 5 seconds.
    expect(performance.now() - startedAtMs).toBeLessThan(3_000);
  });

  it('in flight finish before the queue stops; the others run after the next start', async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    await queue.work('webhooks', async ({ data }) => {
      log.push((data as { name: string }).name);
      await gate.promise;
    });
    await queue.insert('webhooks', [
      { key: 'stop', data: { name: 'in flight' } },
      { key: 'stop', data: { name: 'waiting' } },
    ]);
    await waitFor('the first', () => log.length === 1);

    const stopped = close();
    gate.resolve();
    await stopped;
    expect(log).toEqual(['in flight']);

    await open();
    await queue.work('webhooks', async ({ data }) => void log.push((data as { name: string }).name));
    await waitFor('the second', () => log.length === 2);
    expect(log).toEqual(['in flight', 'waiting']);
  });

  it('of a killed process run again within 30 seconds', async () => {
    const job = { id: randomUUID(), key: 'killed', data: { kept: true } };
    await queue.insert('webhooks', [job]);
    await close();
    await using victim = new StorageProcess('work', place.address);
    await waitFor('the victim to claim the job', () => victim.lines.includes(job.id), 20_000);
    await victim.kill();
    const killedAtMs = performance.now();

    await open();
    const runs: Job[] = [];
    await queue.work('webhooks', async (taken) => void runs.push(taken));
    await waitFor('the job to run again', () => runs.length > 0, 30_000);

    expect(runs).toMatchObject([{ ...job, attempt: 1 }]);
    expect(performance.now() - killedAtMs).toBeLessThan(30_000);
  }, 60_000);
});
