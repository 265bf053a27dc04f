import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../../dev-env/test-database.ts';
import type { DatabaseAddress } from '../../../src/ports/database-address.ts';
import { createJobQueue } from '../../../src/storage/queue/job-queue.ts';
import { monotonicMs, OutageLog } from '../faults/outage-log.ts';
import { enqueue, registerCompany, repositoriesOn } from '../fixtures/storage.ts';

const [task, address = ''] = process.argv.slice(2);
const database = await openTestDatabase(JSON.parse(address) as DatabaseAddress);

if (task === 'write') {
  const repositories = repositoriesOn(database);
  const { id: companyId } = await registerCompany(repositories);
  for (;;) {
    const wanted = { companyId, kind: 'direct', phone: '+79001234567', text: 'x' } as const;
    const stored = await Promise.all(
      Array.from({ length: 5 }, () =>
        enqueue(repositories.messages, { ...wanted, idempotencyKey: randomUUID() }),
      ),
    );
    process.stdout.write(stored.map(({ id }) => `${companyId} ${id}\n`).join(''));
  }
}

const queue = await createJobQueue({
  database,
  onError: console.error,
  outageCallbacks: new OutageLog().callbacks,
  monotonicMs,
});
await queue.work('webhooks', async (job) => {
  process.stdout.write(`${job.id}\n`);
  await new Promise(() => {});
});
