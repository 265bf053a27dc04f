import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import { RetryLaterError } from '../../../../src/domain/errors/job-errors.ts';
import { createJobQueue } from '../../../../src/storage/queue/job-queue.ts';
import { defaultRetryPolicies } from '../../../../src/storage/queue/retry-policy.ts';
import { monotonicMs, OutageLog } from '../../../support/faults/outage-log.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { useStore } from '../../../support/fixtures/storage.ts';

describe.each(engines())('a job that throws RetryLaterError in $name', ({ make }) => {
  const store = useStore(make);

  const open = async () => {
    const outages = new OutageLog();
    const errors: unknown[] = [];
    const queue = await createJobQueue(
      {
        database: store.database,
        onError: (error) => errors.push(error),
        outageCallbacks: outages.callbacks,
        monotonicMs,
      },
      {
        policies: {
          forwarding: { ...defaultRetryPolicies.forwarding, backoff: { baseMs: 200, maxMs: 200 } },
        },
      },
    );
    return { queue, outages, errors };
  };

  it('is dead-lettered if it fails at the maximum age', async () => {
    const { queue } = await open();
    await using _ = queue;
    const [old, young] = [randomUUID(), randomUUID()];
    await queue.insert('forwarding', [
      { id: old, key: 'old', data: {} },
      { id: young, key: 'young', data: {} },
    ]);
    await store.database.sql.query(
      `update pgboss.job set created_on = created_on - interval '36 hours' where id = $1`,
      [old],
    );
    const attempts: string[] = [];
    const deadLettered: string[] = [];
    await queue.work(
      'forwarding',
      async ({ id }) => {
        attempts.push(id);
        throw new RetryLaterError('The receiver answered 503', { delayMs: 0, countsAsAttempt: true });
      },
      async ({ id }) => void deadLettered.push(id),
    );
    await waitFor('the young one to be tried again', () => attempts.filter((id) => id === young).length > 1);
    await waitFor('the old one', () => deadLettered.length > 0);
    expect(deadLettered).toEqual([old]);
    expect(attempts.filter((id) => id === old)).toHaveLength(1);
    expect((await queue.deadLetters('forwarding', 5)).map(({ id }) => id)).toEqual([old]);
  });

  it('counts no attempt if countsAsAttempt is false, and is dead-lettered by age only', async () => {
    const { queue, errors } = await open();
    await using _ = queue;
    const [old, young, unseen] = [randomUUID(), randomUUID(), randomUUID()];
    await queue.insert(
      'forwarding',
      [old, young, unseen].map((id) => ({ id, key: id, data: {} })),
    );
    await store.database.sql.query(
      `update pgboss.job set created_on = created_on - interval '36 hours' where id = any ($1)`,
      [[old, unseen]],
    );
    const attempts: Record<string, number[]> = {};
    const deadLettered: [string, number][] = [];
    await queue.work(
      'forwarding',
      async ({ id, attempt }) => {
        (attempts[id] ??= []).push(attempt);
        throw new RetryLaterError('Circuit open', {
          delayMs: 100,
          countsAsAttempt: false,
          expires: id !== unseen,
        });
      },
      async ({ id, attempt }) => void deadLettered.push([id, attempt]),
    );
    await waitFor('some attempts', () => [young, unseen].every((id) => (attempts[id]?.length ?? 0) > 3));
    expect(deadLettered).toEqual([[old, 0]]);
    for (const id of [young, unseen]) expect(new Set(attempts[id])).toEqual(new Set([1]));
    expect(errors).toEqual([]);
  });

  it('ends a database outage although the job does not succeed', async () => {
    const { queue, outages, errors } = await open();
    await using _ = queue;
    let attempts = 0;
    await queue.work('forwarding', async () => {
      attempts += 1;
      if (attempts === 1) throw new AppError('DB_ERROR');
      throw new RetryLaterError('The receiver answered 503', { delayMs: 0, countsAsAttempt: true });
    });
    await queue.insert('forwarding', [{ key: 'postponed', data: {} }]);
    await waitFor('the end of the outage', () => outages.lines.length > 1);
    expect(outages.lines).toEqual(['Job handlers (forwarding) began', 'Job handlers (forwarding) ended']);
    expect(errors).toEqual([]);
  });
});
