import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import type { MessageKind, MessageStatus, NewMessage } from '../../../../src/domain/notification/message.ts';
import type { Lease } from '../../../../src/ports/sessions.ts';
import { booking, bookingState } from '../../../support/fixtures/bookings.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import {
  claimNext,
  enqueue,
  newMessage,
  registerCompany,
  useStore,
} from '../../../support/fixtures/storage.ts';

const hourMs = 60 * 60_000;
const { recordId, startsAt, clientPhone = '' } = booking();

describe.each(engines())('interrupted messages in $name', ({ make }) => {
  const store = useStore(make);

  it.each<[MessageKind, MessageStatus]>([
    ['confirmation', 'withdrawn'],
    ['direct', 'withdrawn'],
    ['cancellation', 'queued'],
    ['reply', 'withdrawn'],
  ])('released after an opt-out: a %s is %s', async (kind, status) => {
    const { messages, contacts } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id, { kind }));
    await claimNext(messages, lease);
    await contacts.optOut(id, stored.phone, 'answer:1');
    await messages.release(lease, stored.id, 0);
    expect(await messages.byId(id, stored.id)).toMatchObject({ status, attempts: 0 });
  });

  it.each([
    ['was moved', { startsAt: '2026-03-11 10:00:00' }, 'withdrawn'],
    ['was cancelled', { cancelled: true }, 'withdrawn'],
    ['got another staff member', { staffId: 5 }, 'queued'],
  ])('releases a reminder of a visit that %s in the meantime', async (_event, changes, status) => {
    const { messages, bookings } = store.repositories;
    const { id, lease } = await connectedCompany();
    await saveBooking(id, 0);
    const stored = await enqueue(messages, reminder(id));
    await claimNext(messages, lease);
    await saveBooking(id, 1, changes);
    await messages.release(lease, stored.id, 0);
    expect(await messages.byId(id, stored.id)).toMatchObject({ status });
    expect(await bookings.find(id, recordId)).toMatchObject({ version: 2 });
  });

  it('become unknown after a crash when they may no longer be sent', async () => {
    const { messages, contacts, leases, events } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id, { kind: 'reminder_24h' }));
    await claimNext(messages, lease);
    await contacts.optOut(id, stored.phone, 'answer:1');
    await leases.release(lease);
    const next = await acquireLease(id);
    const expired = await messages.expireUnacknowledged(next, { ackTimeoutMs: hourMs, maxAttempts: 3 });
    expect(expired).toMatchObject([{ whatsappMessageId: stored.whatsappMessageId }]);
    expect(await claimNext(messages, next)).toBeUndefined();
    expect(await messages.byId(id, stored.id)).toMatchObject({ status: 'unknown' });
    expect((await events.latest(id, 1)).map(({ type }) => type)).toEqual(['message_unknown']);
  });

  it.each<[string, MessageStatus, (id: CompanyId) => Promise<unknown>]>([
    [
      'an uninstallation',
      'unknown',
      (id) => store.repositories.companies.transitionIntegration(id, 'uninstalled', ''),
    ],
    ['a link to another phone', 'unknown', (id) => linkPhone(id, '+79002222222')],
    ['a link to the same phone', 'sending', (id) => linkPhone(id, '+79001111111')],
  ])('after %s a message in flight is %s', async (_event, status, interrupt) => {
    const { messages, leases, events } = store.repositories;
    const { id, lease } = await connectedCompany();
    await linkPhone(id, '+79001111111');
    const stored = await enqueue(messages, newMessage(id));
    await claimNext(messages, lease);
    await interrupt(id);
    await leases.release(lease);
    const next = await acquireLease(id);
    expect(await messages.byId(id, stored.id)).toMatchObject({ status, attempts: 1 });
    expect((await claimNext(messages, next))?.id).toBe(status === 'sending' ? stored.id : undefined);
    const types = (await events.latest(id, 10)).map(({ type }) => type);
    expect(types.includes('message_unknown')).toBe(status === 'unknown');
  });

  it('wait for the end of quiet hours after a crash without delaying replies', async () => {
    const { messages, leases } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id));
    await claimNext(messages, lease);
    await leases.release(lease);
    const next = await acquireLease(id);
    const quietUntil = new Date(Date.now() + hourMs);
    const quietClaim = { limits: undefined, gapMs: 0, maxAttempts: 3, quietUntil };

    const claim = await messages.claim(next, quietClaim);
    expect(claim).toMatchObject({ dueAt: quietUntil });
    await enqueue(messages, newMessage(id, { phone: stored.phone, text: 'now', respectsQuietHours: false }));
    expect((await messages.claim(next, quietClaim)).message?.text).toBe('now');
    expect(await claimNext(messages, next)).toMatchObject({ id: stored.id, attempts: 2 });
  });

  it('have a due time relative to the database clock', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id));
    await claimNext(messages, lease);
    await messages.release(lease, stored.id, 5_000);
    const claim = await messages.claim(lease, { limits: undefined, gapMs: 0, maxAttempts: 3 });
    if (claim.message !== undefined) throw new Error('Message claimed before its retry time');
    expect(claim.dueInMs).toBeGreaterThan(4_000);
    expect(claim.dueInMs).toBeLessThanOrEqual(5_000);
  });

  function reminder(id: CompanyId): NewMessage {
    const idempotencyKey = `record:${recordId}:reminder_24h:${startsAt}`;
    return newMessage(id, { kind: 'reminder_24h', phone: clientPhone, recordId, idempotencyKey });
  }

  async function saveBooking(
    id: CompanyId,
    expectedVersion: number,
    changes: Parameters<typeof bookingState>[0] = {},
  ): Promise<void> {
    await store.repositories.bookings.apply(id, {
      expectedVersion,
      state: bookingState(changes),
      plan: [],
      event: { companyId: id, type: 'webhook_processed', cause: 'webhook:1' },
    });
  }

  async function connectedCompany(): Promise<{ id: CompanyId; lease: Lease }> {
    const { id } = await registerCompany(store.repositories);
    return { id, lease: await acquireLease(id) };
  }

  async function linkPhone(id: CompanyId, phone: string): Promise<void> {
    const { companies } = store.repositories;
    await companies.recordSession(id, { state: 'logged_out' });
    await companies.recordSession(id, { state: 'connected', phone });
  }

  async function acquireLease(id: CompanyId): Promise<Lease> {
    return await waitFor('the lease', () => store.repositories.leases.acquire(id, 'owner', hourMs));
  }
});
