import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../dev-env/test-database.ts';
import { waitFor } from '../../../dev-env/wait-for.ts';
import type { IntegrationStatus } from '../../../src/domain/company/company.ts';
import type { SessionState } from '../../../src/domain/company/session-state.ts';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import type { CompanyId } from '../../../src/domain/ids.ts';
import { Activation } from '../../../src/marketplace/installation/activation.ts';
import { createBusinessEvents } from '../../../src/observability/events.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import type { Database } from '../../../src/storage/database/database.ts';
import { createJobQueue, type StoppableJobQueue } from '../../../src/storage/queue/job-queue.ts';
import { captureLog } from '../../support/checkers/captured-log.ts';
import { callbackEndpoint, salonId, startClient } from '../../support/clients/yclients-client.ts';
import { monotonicMs, OutageLog } from '../../support/faults/outage-log.ts';
import { engines } from '../../support/fixtures/engines.ts';
import type { TestDatabase } from '../../support/fixtures/engines.ts';
import { newCompany, repositoriesOn } from '../../support/fixtures/storage.ts';
import type { Repositories } from '../../support/fixtures/storage.ts';

describe.each(engines())('the activation sweep, in $name', ({ make }) => {
  const scope = new AsyncDisposableStack();
  let testDatabase: TestDatabase;
  let database: Database;
  let repositories: Repositories;
  let queue: StoppableJobQueue;

  beforeAll(async () => {
    testDatabase = scope.use(await make());
    database = scope.use(await openTestDatabase(testDatabase.address));
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

  const createCompany = async (
    status: IntegrationStatus,
    sessionState: SessionState,
    salon = newCompany().salonId,
  ): Promise<CompanyId> => {
    const { company } = await repositories.companies.createOrFind(newCompany({ salonId: salon }));
    await repositories.companies.recordSession(company.id, { state: sessionState });
    await database.sql.transaction((session) =>
      session.query('update companies set integration_status = $2 where id = $1', [company.id, status]),
    );
    return company.id;
  };

  const activationJobs = async (): Promise<unknown[]> => {
    const rows = await database.sql.transaction((session) =>
      session.query(
        `select data -> 'companyId' as company from pgboss.job where name = 'activation' order by created_on, id`,
      ),
    );
    return rows.map(({ company }) => Number(company));
  };

  it('queues one job per company whose activation failed, and retries it after an hour', async () => {
    const { simulator, client } = await startClient();
    let nowMs = 0;
    const activation = new Activation({
      companies: repositories.companies,
      yclients: client,
      queue,
      report: createBusinessEvents(captureLog(), createMetrics()),
      events: repositories.events,
      onActivated: async () => {},
      webhookUrl: (id, secret) => `https://app.example/${id}/${secret}`,
      now: () => new Date(nowMs),
    });
    await createCompany('activation_failed', 'logged_out');
    await createCompany('active', 'connected');
    await createCompany('frozen', 'connected');
    const id = await createCompany('activation_failed', 'connected', salonId);

    for (nowMs = 0; nowMs < 60 * 60_000; nowMs += 5 * 60_000) await activation.sweep();
    expect(await activationJobs()).toEqual([id]);
    // The first job has expired.
    nowMs = 75 * 60_000;
    await activation.sweep();
    expect(await activationJobs()).toEqual([id, id]);

    // The sweep does not retry an activation that YCLIENTS has rejected; the owner must consent again.
    await activation.onDeadLetter(id, new AppError('FORBIDDEN'));
    nowMs = 150 * 60_000;
    await activation.sweep();
    expect(await activationJobs()).toEqual([id, id]);

    simulator.pressConnect(salonId);
    const company = await repositories.companies.byId(id);
    if (company !== undefined) await activation.request(company);
    expect(await activationJobs()).toEqual([id, id, id]);
    await queue.work('activation', ({ data }) =>
      activation.run((data as { companyId: CompanyId }).companyId),
    );
    await waitFor(
      'the activation',
      async () => (await repositories.companies.byId(id))?.integrationStatus === 'active',
    );
    expect(simulator.salon(salonId).status).toBe('active');
    const callbackRequests = simulator.requests.filter(({ path }) => callbackEndpoint.endsWith(path));
    expect(callbackRequests).toHaveLength(1);
  });
});
