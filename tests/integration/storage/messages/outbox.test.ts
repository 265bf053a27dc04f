import { EventEmitter } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import { OutageMonitor } from '../../../../src/lib/async/outage-monitor.ts';
import { RetryingQueue } from '../../../../src/lib/async/retrying-queue.ts';
import { Outbox } from '../../../../src/messaging/outbox.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import type { Lease, WhatsAppEvents } from '../../../../src/ports/sessions.ts';
import { isOutage } from '../../../../src/storage/database/errors.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { enqueue, newMessage, registerCompany, useStore } from '../../../support/fixtures/storage.ts';

const hourMs = 60 * 60_000;

describe.each(engines())('Outbox in $name', ({ make }) => {
  const store = useStore(make);

  it('resends an unsent message after a database outage before its release', async () => {
    const { session, message, waitForStatus, log } = await open();
    session.beforeSend = async () => {
      session.beforeSend = async () => {};
      await rename('messages', 'messages_unavailable');
      throw new AppError('CONNECTION_FAILED');
    };
    session.emit('connected', message.companyId, { phone: '+79001112233', firstTime: false });
    await waitFor('the failure', () => log.lines.some((text) => text.includes('Outbox failed')));
    await rename('messages_unavailable', 'messages');
    await waitFor('the message', () => session.sent.length === 1, 20_000);
    expect(session.sent).toEqual([message.whatsappMessageId]);
    session.emitStatus(message.whatsappMessageId, 'sent');
    await waitForStatus('sent');
  }, 30_000);

  it('stores statuses that arrive during a database outage', async () => {
    const { session, message, waitForStatus, log } = await open();
    session.emit('connected', message.companyId, { phone: '+79001112233', firstTime: false });
    await waitFor('the message', () => session.sent.length === 1);
    await waitForStatus('sending');
    await rename('messages', 'messages_unavailable');
    for (const status of ['sent', 'delivered', 'read'] as const)
      session.emitStatus(message.whatsappMessageId, status);
    await waitFor('the outage', () => log.lines.some((text) => text.includes('began')));
    await rename('messages_unavailable', 'messages');
    await waitForStatus('read');
    const events = await store.repositories.events.latest(message.companyId, 3);
    expect(events.map(({ type }) => type)).toEqual(['message_read', 'message_delivered', 'message_sent']);
  });

  it('logs the same ids on every line about a message', async () => {
    const { session, message, log, waitForStatus } = await open();
    session.emit('connected', message.companyId, { phone: '+79001112233', firstTime: false });
    await waitFor('the message', () => session.sent.length === 1);
    session.emitStatus(message.whatsappMessageId, 'delivered');
    await waitForStatus('delivered');
    const lines = await waitFor('both lines', () => {
      const matching = log.lines.filter((text) => /Message (?:send started|status changed)/.test(text));
      return matching.length === 2 ? matching : undefined;
    });
    const ids = {
      companyId: message.companyId,
      messageId: message.id,
      whatsappMessageId: message.whatsappMessageId,
      recordId: message.recordId,
    };
    expect(lines.map((text) => JSON.parse(text) as unknown)).toEqual([
      expect.objectContaining(ids),
      expect.objectContaining(ids),
    ]);
    expect(lines.join()).not.toMatch(/7900|Лён/);
  });

  async function rename(from: string, to: string): Promise<void> {
    await store.database.sql.query(`alter table ${from} rename to ${to}`);
  }

  /** A queued message and its outbox. */
  async function open() {
    const { repositories } = store;
    const { id } = await registerCompany(repositories);
    const lease = await repositories.leases.acquire(id, 'owner', hourMs);
    if (lease === undefined) throw new Error('No lease');
    const message = await enqueue(repositories.messages, newMessage(id, { respectsQuietHours: false }));
    const session = new FakeSession(lease);
    const log = captureLog();
    const report = createBusinessEvents(log, createMetrics());
    const outage = new OutageMonitor({ began: () => log.info('began'), ended: () => {} }, () =>
      performance.now(),
    );
    const failed = (error: unknown): void => log.error('Task failed permanently', { error });
    const statusQueue = new RetryingQueue({ isOutage, outage, onTaskFailed: failed });
    const outbox = new Outbox({
      ...repositories,
      whatsapp: session,
      statusQueue,
      report,
      pacing: 'none',
      random: Math.random,
      now: () => new Date(),
    });
    onTestFinished(() => statusQueue[Symbol.asyncDispose]());
    onTestFinished(() => outbox[Symbol.dispose]());
    outbox.start();
    const waitForStatus = (status: string) =>
      waitFor(`the message to be ${status}`, async () => {
        const stored = await repositories.messages.byId(id, message.id);
        return stored?.status === status;
      });
    return { session, message, log, waitForStatus };
  }
});

/** WhatsApp session of one company that records sent message ids. */
class FakeSession extends EventEmitter<WhatsAppEvents> {
  readonly sent: string[] = [];
  beforeSend = async (): Promise<void> => {};
  readonly #lease: Lease;

  constructor(lease: Lease) {
    super();
    this.#lease = lease;
  }

  emitStatus(whatsappMessageId: string, status: 'sent' | 'delivered' | 'read'): void {
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
    await this.beforeSend();
    this.sent.push(messageId);
    return { messageId };
  }
}
