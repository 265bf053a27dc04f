import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../../dev-env/test-database.ts';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import { Reconciliation } from '../../../../src/marketplace/bookings/reconciliation.ts';
import { WebhookSubscriptionCheck } from '../../../../src/marketplace/bookings/webhook-subscription-check.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import type { YclientsApi } from '../../../../src/ports/yclients.ts';
import type { Database } from '../../../../src/storage/database/database.ts';
import { createJobQueue, type StoppableJobQueue } from '../../../../src/storage/queue/job-queue.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';
import { monotonicMs, OutageLog } from '../../../support/faults/outage-log.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { newCompany, repositoriesOn, type Repositories } from '../../../support/fixtures/storage.ts';

const hourMs = 60 * 60_000;

type Query = Parameters<YclientsApi['listRecords']>[1];

describe.each(engines())('reconciliation in $name', ({ make }) => {
  const scope = new AsyncDisposableStack();
  let database: Database;
  let repositories: Repositories;
  let queue: StoppableJobQueue;
  let reconciliation: Reconciliation;
  let subscriptionCheck: WebhookSubscriptionCheck;
  let queries: Query[];
  let urls: () => readonly string[];
  let company: CompanyId;

  beforeAll(async () => {
    const server = scope.use(await make());
    database = scope.use(await openTestDatabase(server.address));
    repositories = repositoriesOn(database);
    queue = scope.use(
      await createJobQueue({
        database,
        onError: () => {},
        outageCallbacks: new OutageLog().callbacks,
        monotonicMs,
      }),
    );
  });
  afterAll(() => scope.disposeAsync());

  beforeEach(async () => {
    queries = [];
    urls = () => ['ours'];
    const yclients = {
      listRecords: async (_salon: unknown, query: Query) => {
        queries.push(query);
        return [];
      },
      webhookUrls: async () => urls(),
    };
    const report = createBusinessEvents(captureLog(), createMetrics());
    const deps = {
      ...repositories,
      yclients,
      queue,
      report,
      outbox: { wake: () => {} },
      now: () => new Date(),
    };
    const bookingSync = { apply: async () => ({ outcome: 'test', queuedMessage: false }) };
    subscriptionCheck = new WebhookSubscriptionCheck({ ...deps, webhookUrl: () => 'ours' });
    reconciliation = new Reconciliation({
      ...deps,
      bookingSync,
      webhookSubscriptionCheck: subscriptionCheck,
    });
    company = (await repositories.companies.createOrFind(newCompany())).company.id;
    await setStatus('active');
  });

  it('enqueues one job per company until that job starts', async () => {
    await reconciliation.request(company, 'spool_drained');
    await reconciliation.requestAll('breaker_closed');
    await reconciliation.request(company, 'operator');
    expect(await jobCount()).toBe(1);

    await reconciliation.run(company, 'job:1');
    for (const cause of ['spool_drained', 'start']) await reconciliation.request(company, cause);
    expect(await jobCount()).toBe(2);

    // The next attempt of the same job.
    await reconciliation.run(company, 'job:1');
    await reconciliation.request(company, 'schedule');
    expect(await jobCount()).toBe(2);

    // A job that does nothing also counts as started.
    await setStatus('frozen');
    await reconciliation.run(company, 'job:2');
    await reconciliation.request(company, 'resumed');
    expect(await jobCount()).toBe(3);
  });

  it('reads from the last cursor, or from a day ago when the cursor is in the future', async () => {
    const { syncCursors } = repositories;
    await reconciliation.run(company, 'job:1');
    expect(queries).toMatchObject([{ startDate: expect.any(String) as unknown }]);

    await reconciliation.run(company, 'job:2');
    expect(minutesAgo(queries[1])).toBe(10);

    await syncCursors.finish(company, new Date(Date.now() + 5 * hourMs));
    await reconciliation.run(company, 'job:3');
    expect(minutesAgo(queries[2])).toBe(24 * 60 + 10);
    await reconciliation.run(company, 'job:4');
    expect(minutesAgo(queries[3])).toBe(10);
  });

  it('continues when the webhook URLs cannot be read', async () => {
    urls = () => {
      throw new AppError('UPSTREAM_ERROR', { retryable: false });
    };
    await reconciliation.run(company, 'job:1');
    expect(queries).toHaveLength(1);
    expect(subscriptionCheck.missing).toEqual(new Set());
  });

  it('stops tracking a missing subscription when the company is no longer active', async () => {
    urls = () => ['another'];
    await reconciliation.run(company, 'job:1');
    await reconciliation.requestUnsubscribed();
    expect(subscriptionCheck.missing).toEqual(new Set([company]));
    expect(await jobCount()).toBe(1);

    await setStatus('uninstalled');
    await reconciliation.run(company, 'job:2');
    await reconciliation.requestUnsubscribed();
    expect(subscriptionCheck.missing).toEqual(new Set());
    expect(await jobCount()).toBe(1);
  });

  async function setStatus(status: string): Promise<void> {
    await database.sql.transaction((session) =>
      session.query('update companies set integration_status = $2 where id = $1', [company, status]),
    );
  }

  async function jobCount(): Promise<number> {
    const rows = await database.sql.transaction((session) =>
      session.query(`select id from pgboss.job where name = 'reconciliation' and singleton_key = $1`, [
        String(company),
      ]),
    );
    return rows.length;
  }
});

function minutesAgo(query: Query | undefined): number {
  if (query === undefined || !('changedAfter' in query)) throw new Error('Query has no changedAfter');
  return Math.round((Date.now() - query.changedAfter.getTime()) / 60_000);
}
