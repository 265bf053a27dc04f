import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { createJobQueue, type StoppableJobQueue } from '../../../../src/storage/queue/job-queue.ts';
import { JobTable } from '../../../../src/storage/queue/job-table.ts';
import { monotonicMs, OutageLog } from '../../../support/faults/outage-log.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { useStore } from '../../../support/fixtures/storage.ts';

describe.each(engines({ both: 'Claiming with SKIP LOCKED and deadlocks need two connections' }))(
  'the job table in $name',
  ({ make }) => {
    const store = useStore(make);
    let queue: StoppableJobQueue;
    let table: JobTable;
    let errors: unknown[] = [];
    let isBursting = false;

    beforeAll(async () => {
      queue = await createJobQueue({
        database: store.database,
        onError: (error) => errors.push(error),
        outageCallbacks: new OutageLog().callbacks,
        monotonicMs,
        shouldYield: { webhooks: () => isBursting },
      });
      table = new JobTable(store.database);
    });
    afterAll(() => queue[Symbol.asyncDispose]());

    it("inserts the same rows as pg-boss' own insert", async () => {
      const boss = store.database.createBoss();
      await boss.start();
      const [theirs, ours] = [randomUUID(), randomUUID()];
      try {
        await boss.insert('answers', [{ id: theirs, singletonKey: 'contract', data: { name: 'Ольга' } }]);
        await table.insert('answers', [{ id: ours, key: 'contract', data: { name: 'Ольга' } }]);
      } finally {
        await boss.stop({ graceful: false });
      }
      const rowOf = async (id: string) => {
        const [row] = await store.database.sql.query(
          `select to_jsonb(j) - 'id' - 'created_on' - 'start_after' - 'keep_until' as fields,
           extract(epoch from keep_until - start_after)::int as kept, start_after = created_on as is_due
         from pgboss.job j where id = $1`,
          [id],
        );
        return row;
      };
      expect(await rowOf(ours)).toMatchObject({ is_due: true, fields: { data: { name: 'Ольга' } } });
      expect(await rowOf(ours)).toEqual(await rowOf(theirs));
    });

    it('claims the oldest job of each key without a job in flight, from thousands of jobs', async () => {
      const keys = Array.from({ length: 60 }, (_, n) => `key-${n}`);
      for (let round = 0; round < 50; round += 1) {
        await queue.insert(
          'replanning',
          keys.map((key) => ({ key, data: { round } })),
        );
      }
      const roundsOf = (jobs: readonly Readonly<{ data: unknown }>[]) =>
        jobs.map(({ data }) => (data as { round: number }).round);

      const first = await table.claim('replanning', 40);
      expect(new Set(first.map(({ key }) => key)).size).toBe(40);
      expect(new Set(roundsOf(first))).toEqual(new Set([0]));
      const second = await table.claim('replanning', 40);
      expect(new Set([...first, ...second].map(({ key }) => key))).toEqual(new Set(keys));
      expect(await table.claim('replanning', 40)).toEqual([]);

      const [again] = first;
      if (again === undefined) throw new Error('A job was claimed');
      await table.reschedule('replanning', again.claim, 0, { failures: 1, interruptions: 0 });
      const retried = await table.claim('replanning', 40);
      expect(retried).toMatchObject([{ key: again.key, attempts: { failures: 1 }, data: again.data }]);
      expect(retried[0]?.claim.number).toBeGreaterThan(again.claim.number);

      // An update of an earlier attempt has no effect.
      await table.reschedule('replanning', again.claim, 0, { failures: 9, interruptions: 0 });
      expect(await table.claim('replanning', 40)).toEqual([]);
    }, 30_000);

    it('reads a bounded number of pages with ten thousand keys and no statistics', async () => {
      const fill = async (count: number): Promise<void> => {
        for (let start = 0; start < count; start += 500) {
          const jobs = Array.from({ length: 500 }, () => ({
            key: randomUUID(),
            data: { filler: 'x'.repeat(200) },
          }));
          await queue.insert('disconnection', jobs);
        }
      };
      const pagesOfAClaim = async (): Promise<number> => {
        const [row] = await store.database.sql.query(
          `explain (analyze, buffers, format json) select * from public.jobs_claim('disconnection', 10)`,
        );
        const [explained] = (row?.['QUERY PLAN'] ?? []) as readonly { Plan: Record<string, number> }[];
        const plan = explained?.Plan ?? {};
        expect(plan['Actual Rows']).toBe(10);
        return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
      };
      await fill(500);
      await pagesOfAClaim();
      const withFew = await pagesOfAClaim();
      await fill(9_500);
      await pagesOfAClaim();
      expect(await pagesOfAClaim()).toBeLessThan(withFew * 2 + 100);
    }, 60_000);

    it('skips keys whose first job waits for a retry, and keeps their order', async () => {
      await queue.insert('reconciliation', [
        { key: 'slow', data: { n: 1 } },
        { key: 'slow', data: { n: 2 } },
        { key: 'quick', data: { n: 3 } },
      ]);
      const claimed = await table.claim('reconciliation', 1);
      const [job] = claimed;
      if (job === undefined) throw new Error('A job was claimed');
      expect(job.data).toEqual({ n: 1 });
      await table.reschedule('reconciliation', job.claim, 60_000, { failures: 1, interruptions: 0 });
      expect((await table.claim('reconciliation', 5)).map(({ data }) => data)).toEqual([{ n: 3 }]);
      await table.runNow('reconciliation', 'slow');
      expect((await table.claim('reconciliation', 5)).map(({ data }) => data)).toEqual([{ n: 1 }]);
    });

    it('extends the retention of a rescheduled job from its next attempt', async () => {
      await queue.insert('answers', [{ key: 'kept', data: {} }]);
      await store.database.sql.query(
        `update pgboss.job set created_on = created_on - interval '13 days', keep_until = keep_until - interval '13 days'
       where name = 'answers' and singleton_key = 'kept'`,
      );
      const [job] = await table.claim('answers', 1);
      if (job === undefined) throw new Error('A job was claimed');
      expect(job.ageSeconds).toBeGreaterThan(13 * 86_400 - 1);
      expect(job.ageSeconds).toBeLessThan(13 * 86_400 + 60);
      await table.reschedule('answers', job.claim, 3_600_000, { failures: 1, interruptions: 0 });
      const [row] = await store.database.sql.query(
        'select extract(epoch from keep_until - start_after)::int as kept from pgboss.job where id = $1',
        [job.claim.id],
      );
      expect(row).toEqual({ kept: 14 * 86_400 });
    });

    it('retains jobs that queue behind one that is retried for a month', async () => {
      const boss = store.database.createBoss();
      await boss.start();
      const key = 'patient';
      const left = () =>
        store.database.sql.query(
          `select data from pgboss.job where name = 'answers' and singleton_key = $1 and state < 'active'
         order by created_on`,
          [key],
        );
      try {
        await queue.insert('answers', [
          { key, data: { n: 1 } },
          { key, data: { n: 2 } },
          { key, data: { n: 3 } },
        ]);
        for (let days = 0; days < 30; days += 3) {
          await store.database.sql.query(
            `update pgboss.job set created_on = created_on - interval '3 days', start_after = start_after - interval '3 days',
             keep_until = keep_until - interval '3 days' where name = 'answers' and singleton_key = $1`,
            [key],
          );
          await store.database.sql.query(`update pgboss.queue set maintain_on = null where name = 'answers'`);
          await boss.supervise('answers');
          const [head] = await table.claim('answers', 1);
          if (head === undefined) throw new Error('A job was claimed');
          expect(head.data).toEqual({ n: 1 });
          await table.reschedule('answers', head.claim, 0, { failures: 1, interruptions: 0 });
        }
        expect((await left()).map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
      } finally {
        await boss.stop({ graceful: false });
      }
    });

    it('reclaims all claims without a timeout, also after the clock was set back', async () => {
      await queue.insert('answers', [{ key: 'clock', data: {} }]);
      await table.claim('answers', 10);
      await store.database.sql.query(
        `update pgboss.job set heartbeat_on = now() + interval '1 hour' where name = 'answers' and state = 'active'`,
      );
      expect(await table.reclaim(['answers'], 15)).toBe(0);
      expect(await table.reclaim(['answers'])).toBeGreaterThan(0);
      expect((await table.claim('answers', 10)).map(({ key }) => key)).toContain('clock');
    });

    it('dead-letters a job interrupted by twenty process exits and unblocks its key', async () => {
      const id = randomUUID();
      await queue.insert('activation', [
        { id, key: 'deadly', data: { n: 1 } },
        { key: 'deadly', data: { n: 2 } },
      ]);
      for (let ends = 0; ends < 20; ends += 1) {
        expect(await table.claim('activation', 5)).toMatchObject([
          { data: { n: 1 }, attempts: { failures: 0, interruptions: ends } },
        ]);
        expect(await table.reclaim(['activation'], 0)).toBe(1);
      }
      const done: unknown[] = [];
      const deadLettered: string[] = [];
      await queue.work(
        'activation',
        async ({ data }) => void done.push(data),
        async (job) => void deadLettered.push(job.id),
      );
      await waitFor('the job behind it', () => done.length > 0);
      expect([deadLettered, done]).toEqual([[id], [{ n: 2 }]]);
      expect(errors.map(String)).toEqual(['Error: Job was interrupted by too many process exits']);
      errors = [];
    });

    it('is drained one job at a time while the worker yields, and concurrently afterwards', async () => {
      let inFlight = 0;
      let most = 0;
      let done = 0;
      isBursting = true;
      await queue.work('webhooks', async () => {
        most = Math.max(most, (inFlight += 1));
        await delay(50);
        inFlight -= 1;
        done += 1;
      });
      await queue.insert(
        'webhooks',
        Array.from({ length: 30 }, (_, n) => ({ key: `urgent-${n}`, data: {} })),
      );
      await waitFor('some jobs', () => done >= 3);
      expect(most).toBe(1);
      isBursting = false;
      await waitFor('all jobs', () => done === 30);
      expect(most).toBeGreaterThan(1);
      expect(errors).toEqual([]);
    });
  },
);
