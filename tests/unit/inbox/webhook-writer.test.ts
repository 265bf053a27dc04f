import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { Spool } from '../../../src/inbox/spool.ts';
import { WebhookWriter } from '../../../src/inbox/webhook-writer.ts';
import { Keyring } from '../../../src/crypto/keyring.ts';
import { createBusinessEvents } from '../../../src/observability/events.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { captureLog } from '../../support/checkers/captured-log.ts';
import { monotonicMs } from '../../support/faults/outage-log.ts';
import { TemporaryDirectory } from '../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../dev-env/wait-for.ts';
import type { NewJob } from '../../../src/ports/job-queue.ts';

const job = (n: number): NewJob => ({ id: `job-${n}`, key: `key-${n}`, data: { n } });

/** A store before a database that can be slow, away, or of another opinion about some jobs. */
class Inbox implements AsyncDisposable {
  readonly stored: number[] = [];
  readonly log = captureLog();
  isAway = false;
  insertMs = 0;
  drained = 0;
  readonly directory = new TemporaryDirectory();
  #spool: Spool | undefined;
  #store: WebhookWriter | undefined;

  async open(maxBytes?: number): Promise<WebhookWriter> {
    const spool = await Spool.open({
      directory: this.directory.path,
      keyring: new Keyring([{ id: 'test', key: Buffer.alloc(32, 7) }]),
      onDamagedSegment: () => undefined,
      ...(maxBytes !== undefined && { maxBytes }),
    });
    const store = new WebhookWriter({
      queue: { insert: (_queue, jobs) => this.#insert(jobs) },
      spool,
      report: createBusinessEvents(this.log, createMetrics()),
      monotonicMs,
      insertTimeoutMs: 500,
    });
    store.on('drained', () => (this.drained += 1));
    this.#spool = spool;
    this.#store = store;
    return store;
  }

  get files(): string[] {
    return readdirSync(this.directory.path);
  }

  told(message: string): number {
    return this.log.lines.filter((line) => line.includes(message)).length;
  }

  async #insert(jobs: readonly NewJob[]): Promise<void> {
    if (this.insertMs > 0) await delay(this.insertMs);
    if (this.isAway) throw new AppError('DB_ERROR');
    if (jobs.some(({ data }) => data['n'] === 13)) throw new AppError('DB_ERROR', { retryable: false });
    this.stored.push(...jobs.map(({ data }) => Number(data['n'])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store?.[Symbol.asyncDispose]();
    await this.#spool?.[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

describe('the store of webhooks', () => {
  it('empties its spool also when webhooks never cease to come', async () => {
    await using inbox = new Inbox();
    const store = await inbox.open();
    inbox.isAway = true;
    for (let n = 20; n < 25; n += 1) expect(await store.write([job(n)])).toBe('spooled');
    inbox.isAway = false;
    inbox.insertMs = 20;
    const outcomes: string[] = [];
    const writes: Promise<unknown>[] = [];
    for (let n = 25; outcomes.at(-1) !== 'stored' && n < 400; n += 1) {
      writes.push(store.write([job(n)]).then((outcome) => outcomes.push(outcome)));
      await delay(5);
    }
    await Promise.all(writes);
    expect(outcomes.at(-1)).toBe('stored');
    await waitFor('all to be stored', () => new Set(inbox.stored).size === 5 + writes.length);
    expect(inbox.drained).toBeGreaterThan(0);
    expect(inbox.files).toEqual([]);
  });

  it('acknowledges a group with one that the database will never take, and puts that one aside', async () => {
    await using inbox = new Inbox();
    const store = await inbox.open();
    expect(await store.write([job(12), job(13), job(14)])).toBe('spooled');
    await waitFor('the others', () => inbox.stored.length === 2);
    expect(inbox.stored).toEqual([12, 14]);
    await waitFor('the damaged file', () => inbox.files.some((name) => name.endsWith('.damaged')));
    expect(await store.write([job(15)])).toBe('stored');
  });

  it('refuses what neither the database nor the disk takes, says so, and has it looked for afterwards', async () => {
    await using inbox = new Inbox();
    const store = await inbox.open(10);
    inbox.isAway = true;
    await expect(store.write([job(30)])).rejects.toMatchObject({ code: 'DB_ERROR', retryAfterSeconds: 5 });
    await expect(store.write([job(31)])).rejects.toMatchObject({ code: 'DB_ERROR' });
    expect(inbox.told('Webhooks refused')).toBe(2);
    expect(inbox.told('Webhook inbox: database unavailable')).toBe(1);
    inbox.isAway = false;
    expect(await store.write([job(30)])).toBe('stored');
    expect([inbox.drained, inbox.told('Webhook inbox: database recovered'), inbox.stored]).toEqual([
      1,
      1,
      [30],
    ]);
  });
});
