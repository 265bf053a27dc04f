import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { HttpWebhookSender } from '../../../../src/webhook-delivery/webhook-sender.ts';
import { verifyWebhook } from '../../../support/checkers/webhook-verifier.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { newPhone, registerCompany } from '../../../support/fixtures/storage.ts';
import {
  webhookIds,
  secret,
  secretText,
  useWebhookForwarding,
} from '../../../support/fixtures/webhook-forwarding.ts';
import type { WebhookResponse } from '../../../support/servers/webhook-receiver.ts';

describe.each(engines())('WebhookForwarder in $name', ({ make }) => {
  const { store, open, companyWith, newReceiver, storeText } = useWebhookForwarding(make);

  it('posts a signed message of at most 20 KB', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarder } = await open();
    const phone = newPhone();
    const short = await storeText(companyId, phone);
    const long = await storeText(companyId, phone, '😀'.repeat(20_000));
    await forwarder.sweep();
    await waitFor('both posts', () => receiver.requests.length === 2);
    expect(webhookIds(receiver)).toEqual([short, long]);
    const [first, second] = await Promise.all(
      receiver.requests.map(({ headers, body }) => verifyWebhook(secret, headers, body)),
    );
    const data = { id: short, phone, text: secretText, sent_at: expect.any(String) as string };
    expect(first).toEqual({ type: 'message.received', timestamp: expect.any(String) as string, data });
    expect(second).toMatchObject({
      data: { truncated: true, text: expect.stringMatching(/^(😀)+$/u) as string },
    });
    expect(Buffer.byteLength(receiver.requests[1]?.body ?? '')).toBeLessThanOrEqual(20_000);
    expect(Buffer.byteLength(receiver.requests[1]?.body ?? '')).toBeGreaterThan(15_000);
  });

  it('retries under the same id before later messages of the client', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarder } = await open();
    const phone = newPhone();
    receiver.respondWith({ status: 500 });
    const first = await storeText(companyId, phone);
    const second = await storeText(companyId, phone);
    const ofOtherClient = await storeText(companyId);
    await forwarder.sweep();
    await waitFor('retries and the other client', () => {
      const ids = webhookIds(receiver);
      return ids.filter((id) => id === first).length >= 2 && ids.includes(ofOtherClient);
    });
    expect(webhookIds(receiver)).not.toContain(second);
    receiver.respondWith({ status: 200 });
    await waitFor('the second', () => webhookIds(receiver).includes(second));
    const bodies = receiver.requests.filter(({ headers }) => headers['webhook-id'] === first);
    expect(new Set(bodies.map(({ body }) => body)).size).toBe(1);
    await waitFor('the failure to end', async () => {
      const webhook = await store.repositories.outgoingWebhooks.get(companyId);
      return webhook?.failingSince === undefined;
    });
  });

  it('respects Retry-After', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarder } = await open();
    receiver.respondWith({ status: 429, headers: { 'retry-after': '2' } });
    await storeText(companyId);
    await forwarder.sweep();
    await waitFor('the first attempt', () => receiver.requests.length > 0);
    receiver.respondWith({ status: 200 });
    await waitFor('the second attempt', () => receiver.requests.length > 1, 10_000);
    const [first, second] = receiver.requests;
    expect((second?.receivedAtMs ?? 0) - (first?.receivedAtMs ?? 0)).toBeGreaterThan(1_900);
  });

  it('counts pending messages per company', async () => {
    const [silent, healthy] = [await newReceiver(), await newReceiver()];
    const [companyId, otherId] = [await companyWith(silent), await companyWith(healthy)];
    const { forwarder } = await open();
    const reply = Promise.withResolvers<WebhookResponse>();
    silent.respondWith(reply.promise);
    for (const id of [companyId, companyId, otherId]) await storeText(id);
    await forwarder.sweep();
    await waitFor('the other company', async () => (await forwarder.pendingCount(otherId)) === 0);
    expect(await forwarder.pendingCount(companyId)).toBe(2);
    reply.resolve({ status: 200 });
    await waitFor('the end', async () => (await forwarder.pendingCount(companyId)) === 0);
  });

  it('disables the webhook after 410 until the company sets a URL again', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarder, log, queue } = await open();
    receiver.respondWith({ status: 410 });
    await storeText(companyId);
    const webhook = () => store.repositories.outgoingWebhooks.get(companyId);
    await forwarder.sweep();
    await waitFor('the webhook to be disabled', async () => (await webhook())?.disabledAt !== undefined);
    await storeText(companyId);
    await forwarder.sweep();
    await waitFor('an empty queue', async () => (await queue.backlog('forwarding')).jobs === 0);
    expect(receiver.requests).toHaveLength(1);
    expect(log.lines.filter((line) => line.includes('disabled'))).toHaveLength(1);
    receiver.respondWith({ status: 200 });
    await store.repositories.outgoingWebhooks.save(companyId, receiver.url, secret);
    const id = await storeText(companyId);
    await forwarder.sweep();
    await waitFor('the next', () => receiver.requests.length === 2);
    expect(webhookIds(receiver)[1]).toBe(id);
  });

  it('posts to the new URL when the replaced one returns 410', async () => {
    const [former, present] = [await newReceiver(), await newReceiver()];
    const companyId = await companyWith(former);
    const { forwarder } = await open();
    const reply = Promise.withResolvers<WebhookResponse>();
    former.respondWith(reply.promise);
    const id = await storeText(companyId);
    await forwarder.sweep();
    await waitFor('the first attempt', () => former.requests.length === 1);
    await store.repositories.outgoingWebhooks.save(companyId, present.url, secret);
    reply.resolve({ status: 410 });
    await waitFor('the second', () => present.requests.length > 0);
    expect(webhookIds(present)).toEqual([id]);
    expect((await store.repositories.outgoingWebhooks.get(companyId))?.disabledAt).toBeUndefined();
  });

  it('clears a failure recorded during a successful delivery', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarder, queue } = await open();
    const { outgoingWebhooks } = store.repositories;
    const reply = Promise.withResolvers<WebhookResponse>();
    receiver.respondWith(reply.promise);
    await storeText(companyId);
    await forwarder.sweep();
    await waitFor('the attempt', () => receiver.requests.length === 1);
    await outgoingWebhooks.recordFailure(
      companyId,
      (await outgoingWebhooks.get(companyId))?.version ?? '',
      48,
    );
    reply.resolve({ status: 200 });
    await waitFor('an empty queue', async () => (await queue.backlog('forwarding')).jobs === 0);
    expect(await outgoingWebhooks.get(companyId)).not.toHaveProperty('failingSince');
  });

  it('is not blocked by an unresponsive receiver of another company', async () => {
    const [silent, healthy] = [await newReceiver(), await newReceiver()];
    silent.respondWith('silence');
    const [one, other] = [await companyWith(silent), await companyWith(healthy)];
    const { forwarder } = await open({ timeoutMs: 60_000 });
    for (let count = 0; count < 10; count += 1) await storeText(one);
    await forwarder.sweep();
    await waitFor('the concurrency limit', () => silent.requests.length === 2);
    for (let count = 0; count < 5; count += 1) await storeText(other);
    await forwarder.sweep();
    await waitFor('the other company', () => healthy.requests.length === 5, 5_000);
    expect(silent.requests).toHaveLength(2);
    // Ends the posts, so that the queue stops without waiting for them.
    await silent[Symbol.asyncDispose]();
  });

  it('dead-letters without personal data in the reason', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarder, log, queue } = await open({}, { maxAttempts: 2 });
    receiver.respondWith({ status: 302, headers: { location: `${receiver.url}/elsewhere` } });
    const phone = newPhone();
    await storeText(companyId, phone);
    await forwarder.sweep();
    const deadLetter = await waitFor('the dead letter', async () =>
      (await queue.deadLetters('forwarding', 10)).find(({ key }) => key.startsWith(`${companyId}:`)),
    );
    expect(deadLetter).toMatchObject({ attempts: 2, reason: { message: 'The receiver answered 302' } });
    expect(receiver.requests).toHaveLength(2);
    const traces = JSON.stringify([deadLetter, log.lines]);
    expect(traces).toContain('Message forwarded');
    for (const hidden of [phone, phone.slice(1), secretText, receiver.url, secret])
      expect(traces).not.toContain(hidden);
  });

  it.each(['http://localhost', 'http://127.0.0.1', 'http://[::ffff:127.0.0.1]', 'http://127.1'])(
    'does not connect to %s in production',
    async (origin) => {
      const receiver = await newReceiver();
      const { id } = await registerCompany(store.repositories);
      const sender = new HttpWebhookSender(
        { now: () => new Date(), random: Math.random },
        { allowLoopback: false },
      );
      const webhook = { version: 'v', url: `${origin}:${receiver.port}/`, secrets: [secret] };
      expect(await sender.deliver(id, webhook, { id: 'msg', body: '{}' })).toEqual({
        outcome: 'failed',
        reason: 'The host resolves to a non-public address',
      });
      expect(receiver.requests).toEqual([]);
    },
  );
});
