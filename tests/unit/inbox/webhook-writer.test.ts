import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../dev-env/wait-for.ts';
import { Keyring } from '../../../src/crypto/keyring.ts';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { Spool } from '../../../src/inbox/spool.ts';
import { WebhookWriter } from '../../../src/inbox/webhook-writer.ts';
import { createBusinessEvents } from '../../../src/observability/events.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import type { NewJob } from '../../../src/ports/job-queue.ts';
import { captureLog } from '../../support/checkers/captured-log.ts';
import { monotonicMs } from '../../support/faults/outage-log.ts';

const job = (n: number): NewJob => ({ id: `job-${n}`, key: `key-${n}`, data: { n } });

/** A writer on a database that can be slow or down and rejects job 13 as invalid. */
class WriterFixture implements AsyncDisposable {
  readonly stored: number[] = [];
  readonly log = captureLog();
  isDown = false;
  insertMs = 0;
  drained = 0;
  readonly directory = new TemporaryDirectory();
  #spool: Spool | undefined;
  #writer: WebhookWriter | undefined;

  async open(maxBytes?: number): Promise<WebhookWriter> {
    const spool = await Spool.open({
      directory: this.directory.path,
      keyring: new Keyring([{ id: 'test', key: Buffer.alloc(32, 7) }]),
      onDamagedSegment: () => undefined,
      ...(maxBytes !== undefined && { maxBytes }),
    });
    const writer = new WebhookWriter(
      {
        queue: { insert: (_queue, jobs) => this.#insert(jobs) },
        spool,
        report: createBusinessEvents(this.log, createMetrics()),
        monotonicMs,
      },
      { insertTimeoutMs: 500 },
    );
    writer.on('drained', () => (this.drained += 1));
    this.#spool = spool;
    this.#writer = writer;
    return writer;
  }

  get files(): string[] {
    return readdirSync(this.directory.path);
  }

  countLogLines(message: string): number {
    return this.log.lines.filter((line) => line.includes(message)).length;
  }

  async #insert(jobs: readonly NewJob[]): Promise<void> {
    if (this.insertMs > 0) await delay(this.insertMs);
    if (this.isDown) throw new AppError('DB_ERROR');
    if (jobs.some(({ data }) => data['n'] === 13)) throw new AppError('DB_ERROR', { retryable: false });
    this.stored.push(...jobs.map(({ data }) => Number(data['n'])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
    await this.#spool?.[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

describe('WebhookWriter', () => {
  it('drains the spool under a steady stream of webhooks', async () => {
    await using fixture = new WriterFixture();
    const writer = await fixture.open();
    fixture.isDown = true;
    for (let n = 20; n < 25; n += 1) expect(await writer.write([job(n)])).toBe('spooled');
    fixture.isDown = false;
    fixture.insertMs = 20;
    const outcomes: string[] = [];
    const writes: Promise<unknown>[] = [];
    for (let n = 25; outcomes.at(-1) !== 'stored' && n < 400; n += 1) {
      writes.push(writer.write([job(n)]).then((outcome) => outcomes.push(outcome)));
      await delay(5);
    }
    await Promise.all(writes);
    expect(outcomes.at(-1)).toBe('stored');
    await waitFor('all to be stored', () => new Set(fixture.stored).size === 5 + writes.length);
    expect(fixture.drained).toBeGreaterThan(0);
    expect(fixture.files).toEqual([]);
  });

  it('acknowledges a batch with an invalid job and sets that job aside', async () => {
    await using fixture = new WriterFixture();
    const writer = await fixture.open();
    expect(await writer.write([job(12), job(13), job(14)])).toBe('spooled');
    await waitFor('the others', () => fixture.stored.length === 2);
    expect(fixture.stored).toEqual([12, 14]);
    await waitFor('the damaged file', () => fixture.files.some((name) => name.endsWith('.damaged')));
    expect(await writer.write([job(15)])).toBe('stored');
  });

  it('rejects webhooks if database and spool fail, and emits drained after the recovery', async () => {
    await using fixture = new WriterFixture();
    const writer = await fixture.open(10);
    fixture.isDown = true;
    await expect(writer.write([job(30)])).rejects.toMatchObject({ code: 'DB_ERROR', retryAfterSeconds: 5 });
    await expect(writer.write([job(31)])).rejects.toMatchObject({ code: 'DB_ERROR' });
    expect(fixture.countLogLines('Webhooks refused')).toBe(2);
    expect(fixture.countLogLines('Webhook inbox: database unavailable')).toBe(1);
    fixture.isDown = false;
    expect(await writer.write([job(30)])).toBe('stored');
    expect([
      fixture.drained,
      fixture.countLogLines('Webhook inbox: database recovered'),
      fixture.stored,
    ]).toEqual([1, 1, [30]]);
  });
});
