import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import type { Lease } from '../../../../src/ports/sessions.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import {
  claimNext,
  enqueue,
  newMessage,
  nextDueAt,
  registerCompany,
  useStore,
} from '../../../support/fixtures/storage.ts';

const minuteMs = 60_000;
const unpaced = { gapMs: 0, maxAttempts: 3 };
const withinTimeout = { ackTimeoutMs: minuteMs, maxAttempts: 3 };

describe.each(engines())('message repository in $name', ({ make }) => {
  const store = useStore(make);

  it('enqueues one message per idempotency key, also concurrently', async () => {
    const { messages } = store.repositories;
    const { id } = await registerCompany(store.repositories);
    const newDirect = newMessage(id);

    const results = await Promise.all(Array.from({ length: 10 }, () => enqueue(messages, newDirect)));

    expect(new Set(results.map(({ id: messageId }) => messageId)).size).toBe(1);
    const [stored] = results;
    expect(stored).toMatchObject({ status: 'queued', attempts: 0, text: newDirect.text, recordId: 42 });
    expect(stored?.whatsappMessageId).toMatch(/^3EB0[0-9A-F]{18}$/);
    expect(await messages.byId(id, stored?.id ?? '')).toEqual(stored);
    expect(await messages.textByWhatsappMessageId(id, stored?.whatsappMessageId ?? '')).toBe(newDirect.text);
  });

  it('isolates companies', async () => {
    const { messages } = store.repositories;
    const [one, other] = [
      await registerCompany(store.repositories),
      await registerCompany(store.repositories),
    ];
    const stored = await enqueue(messages, newMessage(one.id, { idempotencyKey: 'same' }));
    const foreign = await enqueue(messages, newMessage(other.id, { idempotencyKey: 'same' }));

    expect(foreign.id).not.toBe(stored.id);
    expect(await messages.byId(other.id, stored.id)).toBeUndefined();
    expect(await messages.byId(one.id, 'not-a-uuid')).toBeUndefined();
    expect(await messages.textByWhatsappMessageId(other.id, stored.whatsappMessageId)).toBeUndefined();
    await expect(enqueue(messages, newMessage(companyIdFrom(999_999_999)))).rejects.toMatchObject({
      code: 'COMPANY_NOT_FOUND',
    });
  });

  it('claims messages in order under the lease', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const first = await enqueue(messages, newMessage(id));
    const second = await enqueue(messages, newMessage(id));
    await enqueue(messages, newMessage(id, { notBefore: inMs(minuteMs) }));

    const claims = [
      await claimNext(messages, lease, unpaced),
      await claimNext(messages, lease, unpaced),
      await claimNext(messages, lease, unpaced),
    ];

    expect(claims.map((claim) => claim?.id)).toEqual([first.id, second.id, undefined]);
    expect(claims[0]).toMatchObject({
      status: 'sending',
      attempts: 1,
      whatsappMessageId: first.whatsappMessageId,
    });
  });

  it('never returns a message to two concurrent claims', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    for (let count = 0; count < 5; count += 1) await enqueue(messages, newMessage(id));

    const claims = await Promise.all(Array.from({ length: 12 }, () => claimNext(messages, lease, unpaced)));

    const ids = claims.flatMap((claim) => (claim === undefined ? [] : [claim.id]));
    expect(ids).toHaveLength(5);
    expect(new Set(ids).size).toBe(5);
  });

  it('keeps the gap between messages across concurrent claims and lease owners', async () => {
    const { messages, leases } = store.repositories;
    const { id, lease } = await connectedCompany();
    await enqueue(messages, newMessage(id));
    await enqueue(messages, newMessage(id));
    const paced = { gapMs: 700, maxAttempts: 3 };

    const concurrent = await Promise.all([
      claimNext(messages, lease, paced),
      claimNext(messages, lease, paced),
    ]);
    const claimedAtMs = performance.now();
    expect(concurrent.filter((claim) => claim !== undefined)).toHaveLength(1);
    const dueInMs = ((await nextDueAt(messages, lease))?.getTime() ?? 0) - Date.now();
    expect(dueInMs).toBeGreaterThan(100);
    expect(dueInMs).toBeLessThanOrEqual(700);

    await messages.advance(
      id,
      concurrent.find((claim) => claim !== undefined)?.whatsappMessageId ?? '',
      'sent',
    );
    await leases.release(lease);
    const next = await acquireLease(id, 'new owner');
    await waitFor('the second message', () => claimNext(messages, next, paced));
    expect(performance.now() - claimedAtMs).toBeGreaterThan(500);
  });

  it('claims nothing without a valid lease and reports the next due time', async () => {
    const { messages, leases } = store.repositories;
    const { id, lease } = await connectedCompany();
    expect(await nextDueAt(messages, lease)).toBeUndefined();
    const soon = inMs(minuteMs);
    await enqueue(messages, newMessage(id, { notBefore: soon }));
    expect(await nextDueAt(messages, lease)).toEqual(soon);
    await enqueue(messages, newMessage(id));

    await leases.release(lease);
    expect(await claimNext(messages, lease, unpaced)).toBeUndefined();
    const next = await acquireLease(id, 'other owner');
    expect(await claimNext(messages, { ...lease, token: next.token }, unpaced)).toBeUndefined();
    expect(await claimNext(messages, next, unpaced)).toBeDefined();
  });

  it('retries messages of a dead owner under the same id, up to maxAttempts', async () => {
    const { messages, leases } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id));
    const younger = await enqueue(messages, newMessage(id));
    const limit = { gapMs: 0, maxAttempts: 2 };

    await claimNext(messages, lease, limit);
    await leases.release(lease);
    const second = await acquireLease(id, 'second');
    const again = await claimNext(messages, second, limit);
    expect(again).toMatchObject({ id: stored.id, attempts: 2, whatsappMessageId: stored.whatsappMessageId });

    await leases.release(second);
    const third = await acquireLease(id, 'third');
    expect(await claimNext(messages, third, limit)).toMatchObject({ id: younger.id });
    expect(
      await messages.expireUnacknowledged(third, { ackTimeoutMs: minuteMs, maxAttempts: 2 }),
    ).toMatchObject([{ companyId: id, id: stored.id, status: 'unknown' }]);
    expect(await messages.byId(id, stored.id)).toMatchObject({ status: 'unknown', attempts: 2 });
  });

  it('expires queued messages but never one that may have been sent', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const sent = await enqueue(messages, newMessage(id, { expiresAt: inMs(400) }));
    const waiting = await enqueue(messages, newMessage(id, { expiresAt: inMs(400) }));
    const later = await enqueue(messages, newMessage(id, { expiresAt: inMs(minuteMs) }));
    expect(await claimNext(messages, lease, unpaced)).toMatchObject({ id: sent.id });

    const expired: string[] = [];
    await waitFor('the expiry', async () => {
      const messagesExpired = await messages.expire();
      expired.push(
        ...messagesExpired
          .filter(({ companyId }) => companyId === id)
          .map(({ whatsappMessageId }) => whatsappMessageId),
      );
      return expired.length > 0;
    });

    expect(expired).toEqual([waiting.whatsappMessageId]);
    expect(await messages.byId(id, waiting.id)).toMatchObject({ status: 'expired' });
    expect(await messages.byId(id, later.id)).toMatchObject({ status: 'queued' });
    const next = await acquireLease(id, 'owner');
    expect(await claimNext(messages, next, unpaced)).toMatchObject({ id: later.id });
    expect(await messages.expireUnacknowledged(next, withinTimeout)).toMatchObject([
      { whatsappMessageId: sent.whatsappMessageId },
    ]);
    expect((await messages.byId(id, sent.id))?.status).toBe('unknown');
  });

  it('neither claims expired messages nor reports them as due', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    await enqueue(messages, newMessage(id, { expiresAt: inMs(-minuteMs) }));
    expect(await nextDueAt(messages, lease)).toBeUndefined();
    expect(await claimNext(messages, lease, unpaced)).toBeUndefined();
  });

  it('withdraws queued messages on uninstallation', async () => {
    const { messages, companies } = store.repositories;
    const company = await registerCompany(store.repositories);
    const stored = await enqueue(messages, newMessage(company.id));

    await companies.transitionIntegration(company.id, 'uninstalled', 'test');

    expect(await messages.byId(company.id, stored.id)).toMatchObject({ status: 'withdrawn' });
  });

  it('requeues a released message without counting the attempt', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id));
    await claimNext(messages, lease, unpaced);

    await messages.release({ ...lease, token: lease.token + 1 }, stored.id, 0);
    expect(await messages.byId(id, stored.id)).toMatchObject({ status: 'sending' });
    await messages.release(lease, stored.id, 200);

    expect(await messages.byId(id, stored.id)).toMatchObject({ status: 'queued', attempts: 0 });
    expect(await claimNext(messages, lease, unpaced)).toBeUndefined();
    expect(await waitFor('the retry', () => claimNext(messages, lease, unpaced))).toMatchObject({
      id: stored.id,
      attempts: 1,
    });
  });

  it('times out an ack under the same lease, counted from the dispatch', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id));
    await claimNext(messages, lease, unpaced);

    const pastTimeout = { ackTimeoutMs: 0, maxAttempts: 3 };

    expect(await messages.expireUnacknowledged(lease, pastTimeout)).toEqual([]);
    await messages.markDispatched(lease, stored.id);
    expect(await messages.expireUnacknowledged(lease, withinTimeout)).toEqual([]);
    expect(await messages.expireUnacknowledged({ ...lease, token: lease.token + 1 }, pastTimeout)).toEqual(
      [],
    );
    const timedOut = await waitFor('the ack timeout', async () => {
      const updated = await messages.expireUnacknowledged(lease, pastTimeout);
      return updated.length > 0 && updated;
    });

    expect(timedOut).toMatchObject([{ whatsappMessageId: stored.whatsappMessageId }]);
    expect((await messages.byId(id, stored.id))?.status).toBe('unknown');
    expect(await messages.advance(id, stored.whatsappMessageId, 'sent')).toMatchObject({
      id: stored.id,
      status: 'sent',
    });
  });

  async function connectedCompany(): Promise<{ id: CompanyId; lease: Lease }> {
    const { id } = await registerCompany(store.repositories);
    return { id, lease: await acquireLease(id, 'owner') };
  }

  async function acquireLease(id: CompanyId, owner: string): Promise<Lease> {
    return waitFor('the lease', () => store.repositories.leases.acquire(id, owner, minuteMs));
  }
});

function inMs(ms: number): Date {
  return new Date(Date.now() + ms);
}
