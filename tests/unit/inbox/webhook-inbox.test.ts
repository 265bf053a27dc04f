import { describe, expect, it } from 'vitest';
import type { Company } from '../../../src/domain/company/company.ts';
import { companyIdFrom, salonIdFrom } from '../../../src/domain/ids.ts';
import { WebhookInbox } from '../../../src/inbox/webhook-inbox.ts';
import { createBusinessEvents } from '../../../src/observability/events.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { captureLog } from '../../support/checkers/captured-log.ts';

const company: Company = {
  id: companyIdFrom(1),
  salonId: salonIdFrom(510_001),
  title: 'Ромашка',
  businessType: 'beauty',
  timeZone: 'Europe/Moscow',
  language: 'ru',
  ownerUserId: undefined,
  integrationStatus: 'active',
  sessionState: 'connected',
  sessionStateSince: new Date(0),
  sessionCause: undefined,
  whatsappPhone: undefined,
  connectedAt: undefined,
  webhookSecretHash: '',
  createdAt: new Date(0),
};

/** Job ids of webhooks given by the start of the visit, the time of arrival and the change date of the record. */
async function jobIds(
  webhooks: readonly Readonly<{ start: string; atSeconds: number; changed?: string }>[],
): Promise<(string | undefined)[]> {
  const ids: (string | undefined)[] = [];
  let nowMs = 0;
  const inbox = new WebhookInbox(
    {
      writer: {
        write: async (jobs) => {
          ids.push(...jobs.map(({ id }) => id));
          return 'stored';
        },
        markRejected: () => undefined,
      },
      report: createBusinessEvents(captureLog(), createMetrics()),
      burstDetector: { count: () => undefined },
      now: () => new Date(nowMs),
    },
    { batch: { maxBatchSize: 500, waitMs: 0 }, shardCount: 1 },
  );
  for (const { start, atSeconds, changed } of webhooks) {
    nowMs = atSeconds * 1_000;
    const data = { date: start, ...(changed !== undefined && { last_change_date: changed }) };
    const resource = { resource: 'record', resource_id: 7, status: 'update' };
    const body = { company_id: company.salonId, ...resource, data };
    await inbox.acceptEntity(company, body, Buffer.from(JSON.stringify(body)));
  }
  return ids;
}

const [ten, noon] = ['2026-03-10 10:00:00', '2026-03-10 12:00:00'];

describe('the job id of a webhook', () => {
  it('is the same for a repeat at any time if the record has a change date', async () => {
    const changed = '2026-03-08T12:00:00+0300';
    const ids = await jobIds([
      { start: ten, atSeconds: 0, changed },
      { start: ten, atSeconds: 90_000, changed },
      { start: ten, atSeconds: 90_000, changed: '2026-03-08T12:00:01+0300' },
    ]);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('differs for a record without change date that moved away and back', async () => {
    const ids = await jobIds([
      { start: ten, atSeconds: 0 },
      { start: noon, atSeconds: 20 },
      { start: ten, atSeconds: 40 },
    ]);
    expect(new Set(ids).size).toBe(3);
  });

  it('is the same for an immediate repeat without change date', async () => {
    const ids = await jobIds([
      { start: ten, atSeconds: 0 },
      { start: ten, atSeconds: 1.5 },
    ]);
    expect(ids[1]).toBe(ids[0]);
  });
});
