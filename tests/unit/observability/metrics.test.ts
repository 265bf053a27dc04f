import { describe, expect, it } from 'vitest';
import { createMetrics, type Metrics } from '../../../src/observability/metrics.ts';

async function readSamples({ registry }: Metrics, name: string): Promise<string[]> {
  const text = await registry.metrics();
  return text.split('\n').filter((line) => line.startsWith(name));
}

describe('scraped gauges', () => {
  it('read their source at each scrape', async () => {
    const metrics = createMetrics();
    let bytes = 5;
    metrics.spoolBytes.readFrom(() => bytes);
    expect(await readSamples(metrics, 'marketplace_spool_bytes')).toEqual(['marketplace_spool_bytes 5']);
    bytes = 7;
    expect(await readSamples(metrics, 'marketplace_spool_bytes')).toEqual(['marketplace_spool_bytes 7']);
  });

  it('have a sample for each status', async () => {
    const metrics = createMetrics();
    metrics.outbox.readFrom(async () => ({ queued: 1, sending: 2, oldestAgeSeconds: 3 }));
    expect(await readSamples(metrics, 'marketplace_outbox')).toEqual([
      'marketplace_outbox_messages{status="queued"} 1',
      'marketplace_outbox_messages{status="sending"} 2',
      'marketplace_outbox_oldest_age_seconds 3',
    ]);
  });

  it('have no samples while their source is unset, undefined or fails', async () => {
    const metrics = createMetrics();
    metrics.staleValues.readFrom(() => undefined);
    metrics.inbox.readFrom(async () => Promise.reject(new Error('Database unavailable')));
    for (const name of ['spool_bytes', 'values_under_other_keys', 'inbox_jobs', 'outbox_messages'])
      expect(await readSamples(metrics, `marketplace_${name}`), name).toEqual([]);
  });
});
