import { EventEmitter } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import { OutageMonitor } from '../../../../src/lib/async/outage-monitor.ts';
import { RetryingQueue } from '../../../../src/lib/async/retrying-queue.ts';
import { Outbox } from '../../../../src/messaging/outbox.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import { isOutage } from '../../../../src/storage/database/errors.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';
import { enqueue, newMessage, registerCompany, useStore } from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { Lease, WhatsAppEvents } from '../../../../src/ports/sessions.ts';

const hourMs = 60 * 60_000;

describe.each(engines())('a message on its way in $name', ({ make }) => {
  const store = useStore(make);

  it('that did not leave goes again, also when the database goes away before that is written', async () => {
    const { line, message, statusIs, log } = await open();
    line.beforeSending = async () => {
      line.beforeSending = async () => {};
      await rename('messages', 'messages_away');
      throw new AppError('CONNECTION_FAILED');
    };
    line.emit('connected', message.companyId, { phone: '+79001112233', firstTime: false });
    await waitFor('the failure', () => log.lines.some((text) => text.includes('Outbox failed')));
    await rename('messages_away', 'messages');
    await waitFor('the message', () => line.sent.length === 1, 20_000);
    expect(line.sent).toEqual([message.whatsappMessageId]);
    line.says(message.whatsappMessageId, 'sent');
    await statusIs('sent');
  }, 30_000);

  it('has the status that WhatsApp told while the database was away', async () => {
    const { line, message, statusIs, log } = await open();
    line.emit('connected', message.companyId, { phone: '+79001112233', firstTime: false });
    await waitFor('the message', () => line.sent.length === 1);
    await statusIs('sending');
    await rename('messages', 'messages_away');
    for (const status of ['sent', 'delivered', 'read'] as const) line.says(message.whatsappMessageId, status);
    await waitFor('the outage', () => log.lines.some((text) => text.includes('began')));
    await rename('messages_away', 'messages');
    await statusIs('read');
    const events = await store.repositories.events.latest(message.companyId, 3);
    expect(events.map(({ type }) => type)).toEqual(['message_read', 'message_delivered', 'message_sent']);
  });

  it('is named by the same ids in every line of the log', async () => {
    const { line, message, log, statusIs } = await open();
    line.emit('connected', message.companyId, { phone: '+79001112233', firstTime: false });
    await waitFor('the message', () => line.sent.length === 1);
    line.says(message.whatsappMessageId, 'delivered');
    await statusIs('delivered');
    const lines = await waitFor('both lines', () => {
      const found = log.lines.filter((text) => /Message (?:sending|status)/.test(text));
      return found.length === 2 ? found : undefined;
    });
    const names = {
      companyId: message.companyId,
      messageId: message.id,
      whatsappMessageId: message.whatsappMessageId,
      recordId: message.recordId,
    };
    expect(lines.map((text) => JSON.parse(text) as unknown)).toEqual([
      expect.objectContaining(names),
      expect.objectContaining(names),
    ]);
    expect(lines.join()).not.toMatch(/7900|Лён/);
  });

  async function rename(from: string, to: string): Promise<void> {
    await store.database.sql.query(`alter table ${from} rename to ${to}`);
  }

  /** One message that waits, and an outbox for it. */
  async function open() {
    const { repositories } = store;
    const { id } = await registerCompany(repositories);
    const lease = await repositories.leases.acquire(id, 'owner', hourMs);
    if (lease === undefined) throw new Error('No lease');
    const message = await enqueue(repositories.messages, newMessage(id, { respectsQuietHours: false }));
    const line = new Line(lease);
    const log = captureLog();
    const report = createBusinessEvents(log, createMetrics());
    const outage = new OutageMonitor({ began: () => log.info('began'), ended: () => {} }, () =>
      performance.now(),
    );
    const failed = (error: unknown): void => log.error('Task failed permanently', { error });
    const statuses = new RetryingQueue({ isOutage, outage, onTaskFailed: failed });
    const outbox = new Outbox({
      ...repositories,
      whatsapp: line,
      statusQueue: statuses,
      report,
      pacing: 'none',
      random: Math.random,
      now: () => new Date(),
    });
    onTestFinished(() => statuses[Symbol.asyncDispose]());
    onTestFinished(() => outbox[Symbol.dispose]());
    outbox.start();
    const statusIs = (status: string) =>
      waitFor(`the message to be ${status}`, async () => {
        const stored = await repositories.messages.byId(id, message.id);
        return stored?.status === status;
      });
    return { line, message, log, statusIs };
  }
});

/** The session of one company, at whose other end somebody notes what comes. */
class Line extends EventEmitter<WhatsAppEvents> {
  readonly sent: string[] = [];
  beforeSending = async (): Promise<void> => {};
  readonly #lease: Lease;

  constructor(lease: Lease) {
    super();
    this.#lease = lease;
  }

  says(whatsappMessageId: string, status: 'sent' | 'delivered' | 'read'): void {
    this.emit('message-status', this.#lease.companyId, { whatsappMessageId, status });
  }

  getSessionStatus() {
    return { state: 'connected', since: new Date() } as const;
  }

  getActiveSessions() {
    return [{ companyId: this.#lease.companyId, status: this.getSessionStatus() }];
  }

  getLease(): Lease {
    return this.#lease;
  }

  async sendMessage(
    _companyId: unknown,
    _phone: string,
    _text: string,
    { messageId = '' }: Readonly<{ messageId?: string }> = {},
  ): Promise<Readonly<{ messageId: string }>> {
    await this.beforeSending();
    this.sent.push(messageId);
    return { messageId };
  }
}
