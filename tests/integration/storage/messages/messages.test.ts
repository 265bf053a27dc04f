import { describe, expect, it } from 'vitest';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import {
  claimNext,
  enqueue,
  newMessage,
  nextDueAt,
  registerCompany,
  useStore,
} from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { Lease } from '../../../../src/ports/sessions.ts';

const minuteMs = 60_000;
const now = { gapMs: 0, maxAttempts: 3 };
const patient = { ackTimeoutMs: minuteMs, maxAttempts: 3 };

describe.each(engines())('messages in $name', ({ make }) => {
  const store = useStore(make);

  it('is one message for one idempotency key, also at once', async () => {
    const { messages } = store.repositories;
    const { id } = await registerCompany(store.repositories);
    const wanted = newMessage(id);

    const answers = await Promise.all(Array.from({ length: 10 }, () => enqueue(messages, wanted)));

    expect(new Set(answers.map((answer) => answer.id)).size).toBe(1);
    const [stored] = answers;
    expect(stored).toMatchObject({ status: 'queued', attempts: 0, text: wanted.text, recordId: 42 });
    expect(stored?.whatsappMessageId).toMatch(/^3EB0[0-9A-F]{18}$/);
    expect(await messages.byId(id, stored?.id ?? '')).toEqual(stored);
    expect(await messages.textByWhatsappMessageId(id, stored?.whatsappMessageId ?? '')).toBe(wanted.text);
  });

  it('keeps companies apart', async () => {
    const { messages } = store.repositories;
    const [mine, other] = [
      await registerCompany(store.repositories),
      await registerCompany(store.repositories),
    ];
    const stored = await enqueue(messages, newMessage(mine.id, { idempotencyKey: 'same' }));
    const foreign = await enqueue(messages, newMessage(other.id, { idempotencyKey: 'same' }));

    expect(foreign.id).not.toBe(stored.id);
    expect(await messages.byId(other.id, stored.id)).toBeUndefined();
    expect(await messages.byId(mine.id, 'not-a-uuid')).toBeUndefined();
    expect(await messages.textByWhatsappMessageId(other.id, stored.whatsappMessageId)).toBeUndefined();
    await expect(enqueue(messages, newMessage(companyIdFrom(999_999_999)))).rejects.toMatchObject({
      code: 'COMPANY_NOT_FOUND',
    });
  });

  it('hands messages out in order, one by one, under the lease', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const first = await enqueue(messages, newMessage(id));
    const second = await enqueue(messages, newMessage(id));
    await enqueue(messages, newMessage(id, { notBefore: inFuture(minuteMs) }));

    const claims = [
      await claimNext(messages, lease, now),
      await claimNext(messages, lease, now),
      await claimNext(messages, lease, now),
    ];

    expect(claims.map((claim) => claim?.id)).toEqual([first.id, second.id, undefined]);
    expect(claims[0]).toMatchObject({
      status: 'sending',
      attempts: 1,
      whatsappMessageId: first.whatsappMessageId,
    });
  });

  it('never hands a message out twice to rival claims', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    for (let count = 0; count < 5; count += 1) await enqueue(messages, newMessage(id));

    const claims = await Promise.all(Array.from({ length: 12 }, () => claimNext(messages, lease, now)));

    const ids = claims.flatMap((claim) => (claim === undefined ? [] : [claim.id]));
    expect(ids).toHaveLength(5);
    expect(new Set(ids).size).toBe(5);
  });

  it('keeps the gap between two messages of a company, also for rival claims and a new owner', async () => {
    const { messages, leases } = store.repositories;
    const { id, lease } = await connectedCompany();
    await enqueue(messages, newMessage(id));
    await enqueue(messages, newMessage(id));
    const paced = { gapMs: 700, maxAttempts: 3 };

    const rivals = await Promise.all([claimNext(messages, lease, paced), claimNext(messages, lease, paced)]);
    const claimedAtMs = performance.now();
    expect(rivals.filter((claim) => claim !== undefined)).toHaveLength(1);
    const dueInMs = ((await nextDueAt(messages, lease))?.getTime() ?? 0) - Date.now();
    expect(dueInMs).toBeGreaterThan(100);
    expect(dueInMs).toBeLessThanOrEqual(700);

    await messages.advance(id, rivals.find((claim) => claim !== undefined)?.whatsappMessageId ?? '', 'sent');
    await leases.release(lease);
    const next = await leased(id, 'new owner');
    await waitFor('the second message', () => claimNext(messages, next, paced));
    expect(performance.now() - claimedAtMs).toBeGreaterThan(500);
  });

  it('hands nothing out when the lease is gone, and knows what is due', async () => {
    const { messages, leases } = store.repositories;
    const { id, lease } = await connectedCompany();
    expect(await nextDueAt(messages, lease)).toBeUndefined();
    const soon = inFuture(minuteMs);
    await enqueue(messages, newMessage(id, { notBefore: soon }));
    expect(await nextDueAt(messages, lease)).toEqual(soon);
    await enqueue(messages, newMessage(id));

    await leases.release(lease);
    expect(await claimNext(messages, lease, now)).toBeUndefined();
    const next = await leased(id, 'somebody else');
    expect(await claimNext(messages, { ...lease, token: next.token }, now)).toBeUndefined();
    expect(await claimNext(messages, next, now)).toBeDefined();
  });

  it('takes over what a dead owner was sending, with the same id, and gives up after so many attempts', async () => {
    const { messages, leases } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id));
    const younger = await enqueue(messages, newMessage(id));
    const limit = { gapMs: 0, maxAttempts: 2 };

    await claimNext(messages, lease, limit);
    await leases.release(lease);
    const second = await leased(id, 'second');
    const again = await claimNext(messages, second, limit);
    expect(again).toMatchObject({ id: stored.id, attempts: 2, whatsappMessageId: stored.whatsappMessageId });

    await leases.release(second);
    const third = await leased(id, 'third');
    expect(await claimNext(messages, third, limit)).toMatchObject({ id: younger.id });
    expect(
      await messages.expireUnacknowledged(third, { ackTimeoutMs: minuteMs, maxAttempts: 2 }),
    ).toMatchObject([{ companyId: id, id: stored.id, status: 'unknown' }]);
    expect(await messages.byId(id, stored.id)).toMatchObject({ status: 'unknown', attempts: 2 });
  });

  it('lets a message expire that waited too long, but never one that may have left', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const sent = await enqueue(messages, newMessage(id, { expiresAt: inFuture(400) }));
    const waiting = await enqueue(messages, newMessage(id, { expiresAt: inFuture(400) }));
    const lasting = await enqueue(messages, newMessage(id, { expiresAt: inFuture(minuteMs) }));
    expect(await claimNext(messages, lease, now)).toMatchObject({ id: sent.id });

    const expired: string[] = [];
    await waitFor('the expiry', async () => {
      const ran = await messages.expire();
      expired.push(...ran.filter(({ companyId }) => companyId === id).map((one) => one.whatsappMessageId));
      return expired.length > 0;
    });

    expect(expired).toEqual([waiting.whatsappMessageId]);
    expect(await messages.byId(id, waiting.id)).toMatchObject({ status: 'expired' });
    expect(await messages.byId(id, lasting.id)).toMatchObject({ status: 'queued' });
    const next = await leased(id, 'owner');
    expect(await claimNext(messages, next, now)).toMatchObject({ id: lasting.id });
    expect(await messages.expireUnacknowledged(next, patient)).toMatchObject([
      { whatsappMessageId: sent.whatsappMessageId },
    ]);
    expect((await messages.byId(id, sent.id))?.status).toBe('unknown');
  });

  it('hands out nothing that is past its use, and does not call it due', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    await enqueue(messages, newMessage(id, { expiresAt: inFuture(-minuteMs) }));
    expect(await nextDueAt(messages, lease)).toBeUndefined();
    expect(await claimNext(messages, lease, now)).toBeUndefined();
  });

  it('withdraws what was not sent when the company uninstalls', async () => {
    const { messages, companies } = store.repositories;
    const company = await registerCompany(store.repositories);
    const stored = await enqueue(messages, newMessage(company.id));

    await companies.transitionIntegration(company.id, 'uninstalled', 'test');

    expect(await messages.byId(company.id, stored.id)).toMatchObject({ status: 'withdrawn' });
  });

  it('puts a message back that never left, without counting the attempt', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id));
    await claimNext(messages, lease, now);

    await messages.release({ ...lease, token: lease.token + 1 }, stored.id, 0);
    expect(await messages.byId(id, stored.id)).toMatchObject({ status: 'sending' });
    await messages.release(lease, stored.id, 200);

    expect(await messages.byId(id, stored.id)).toMatchObject({ status: 'queued', attempts: 0 });
    expect(await claimNext(messages, lease, now)).toBeUndefined();
    expect(await waitFor('the retry', () => claimNext(messages, lease, now))).toMatchObject({
      id: stored.id,
      attempts: 1,
    });
  });

  it('stops waiting for an ack under its own lease, counted from when the message was handed over', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const stored = await enqueue(messages, newMessage(id));
    await claimNext(messages, lease, now);

    const impatient = { ackTimeoutMs: 0, maxAttempts: 3 };

    expect(await messages.expireUnacknowledged(lease, impatient)).toEqual([]);
    await messages.markDispatched(lease, stored.id);
    expect(await messages.expireUnacknowledged(lease, patient)).toEqual([]);
    expect(await messages.expireUnacknowledged({ ...lease, token: lease.token + 1 }, impatient)).toEqual([]);
    const givenUp = await waitFor('the patience to end', async () => {
      const ended = await messages.expireUnacknowledged(lease, impatient);
      return ended.length > 0 && ended;
    });

    expect(givenUp).toMatchObject([{ whatsappMessageId: stored.whatsappMessageId }]);
    expect((await messages.byId(id, stored.id))?.status).toBe('unknown');
    expect(await messages.advance(id, stored.whatsappMessageId, 'sent')).toMatchObject({
      id: stored.id,
      status: 'sent',
    });
  });

  async function connectedCompany(): Promise<{ id: CompanyId; lease: Lease }> {
    const { id } = await registerCompany(store.repositories);
    return { id, lease: await leased(id, 'owner') };
  }

  async function leased(id: CompanyId, owner: string): Promise<Lease> {
    return waitFor('the lease', () => store.repositories.leases.acquire(id, owner, minuteMs));
  }
});

function inFuture(ms: number): Date {
  return new Date(Date.now() + ms);
}
