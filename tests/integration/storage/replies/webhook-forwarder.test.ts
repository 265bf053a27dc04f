import { describe, expect, it } from 'vitest';
import { HttpWebhookSender } from '../../../../src/webhook-delivery/webhook-sender.ts';
import {
  webhookIds,
  secret,
  secretText,
  useWebhookForwarding,
} from '../../../support/fixtures/webhook-forwarding.ts';
import { newPhone, registerCompany } from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { WebhookResponse } from '../../../support/servers/webhook-receiver.ts';
import { verifyWebhook } from '../../../support/checkers/webhook-verifier.ts';

describe.each(engines())('what a client wrote, on its way to the company, in $name', ({ make }) => {
  const { store, open, companyWith, newReceiver, storeText } = useWebhookForwarding(make);

  it('arrives signed, with what it is, under 20 KB', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding } = await open();
    const phone = newPhone();
    const short = await storeText(companyId, phone);
    const long = await storeText(companyId, phone, '😀'.repeat(20_000));
    await forwarding.sweep();
    await waitFor('both', () => receiver.requests.length === 2);
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

  it('is tried again under the same id until it is taken, before what the client wrote later', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding } = await open();
    const phone = newPhone();
    receiver.respondWith({ status: 500 });
    const first = await storeText(companyId, phone);
    const second = await storeText(companyId, phone);
    const others = await storeText(companyId);
    await forwarding.sweep();
    await waitFor('retries and the other client', () => {
      const ids = webhookIds(receiver);
      return ids.filter((id) => id === first).length >= 2 && ids.includes(others);
    });
    expect(webhookIds(receiver)).not.toContain(second);
    receiver.respondWith({ status: 200 });
    await waitFor('the second', () => webhookIds(receiver).includes(second));
    const bodies = receiver.requests.filter(({ headers }) => headers['webhook-id'] === first);
    expect(new Set(bodies.map(({ body }) => body)).size).toBe(1);
    await waitFor('the webhook to be well', async () => {
      const webhook = await store.repositories.webhooks.get(companyId);
      return webhook?.failingSince === undefined;
    });
  });

  it('waits as long as Retry-After says', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding } = await open();
    receiver.respondWith({ status: 429, headers: { 'retry-after': '2' } });
    await storeText(companyId);
    await forwarding.sweep();
    await waitFor('the first attempt', () => receiver.requests.length > 0);
    receiver.respondWith({ status: 200 });
    await waitFor('the second attempt', () => receiver.requests.length > 1, 10_000);
    const [first, second] = receiver.requests;
    expect((second?.receivedAtMs ?? 0) - (first?.receivedAtMs ?? 0)).toBeGreaterThan(1_900);
  });

  it('is counted for its company alone while it waits', async () => {
    const [silent, healthy] = [await newReceiver(), await newReceiver()];
    const [companyId, otherId] = [await companyWith(silent), await companyWith(healthy)];
    const { forwarding } = await open();
    const reply = Promise.withResolvers<WebhookResponse>();
    silent.respondWith(reply.promise);
    for (const id of [companyId, companyId, otherId]) await storeText(id);
    await forwarding.sweep();
    await waitFor('the other company', async () => (await forwarding.pendingCount(otherId)) === 0);
    expect(await forwarding.pendingCount(companyId)).toBe(2);
    reply.resolve({ status: 200 });
    await waitFor('the end', async () => (await forwarding.pendingCount(companyId)) === 0);
  });

  it('is told of no more after 410, until the company sets an address again', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding, log, queue } = await open();
    receiver.respondWith({ status: 410 });
    await storeText(companyId);
    const webhook = () => store.repositories.webhooks.get(companyId);
    await forwarding.sweep();
    await waitFor('the webhook to be disabled', async () => (await webhook())?.disabledAt !== undefined);
    await storeText(companyId);
    await forwarding.sweep();
    await waitFor('an empty queue', async () => (await queue.backlog('forwarding')).jobs === 0);
    expect(receiver.requests).toHaveLength(1);
    expect(log.lines.filter((line) => line.includes('disabled'))).toHaveLength(1);
    receiver.respondWith({ status: 200 });
    await store.repositories.webhooks.save(companyId, receiver.url, secret);
    const id = await storeText(companyId);
    await forwarding.sweep();
    await waitFor('the next', () => receiver.requests.length === 2);
    expect(webhookIds(receiver)[1]).toBe(id);
  });

  it('reaches the new address when the one before answers 410 after it was replaced', async () => {
    const [former, present] = [await newReceiver(), await newReceiver()];
    const companyId = await companyWith(former);
    const { forwarding } = await open();
    const reply = Promise.withResolvers<WebhookResponse>();
    former.respondWith(reply.promise);
    const id = await storeText(companyId);
    await forwarding.sweep();
    await waitFor('the first attempt', () => former.requests.length === 1);
    await store.repositories.webhooks.save(companyId, present.url, secret);
    reply.resolve({ status: 410 });
    await waitFor('the second', () => present.requests.length > 0);
    expect(webhookIds(present)).toEqual([id]);
    expect((await store.repositories.webhooks.get(companyId))?.disabledAt).toBeUndefined();
  });

  it('ends a failure that began while it was under way', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding, queue } = await open();
    const { webhooks } = store.repositories;
    const reply = Promise.withResolvers<WebhookResponse>();
    receiver.respondWith(reply.promise);
    await storeText(companyId);
    await forwarding.sweep();
    await waitFor('the attempt', () => receiver.requests.length === 1);
    await webhooks.recordFailure(companyId, (await webhooks.get(companyId))?.version ?? '', 48);
    reply.resolve({ status: 200 });
    await waitFor('an empty queue', async () => (await queue.backlog('forwarding')).jobs === 0);
    expect(await webhooks.get(companyId)).not.toHaveProperty('failingSince');
  });

  it('is not held up by the receiver of another company that never answers', async () => {
    const [silent, healthy] = [await newReceiver(), await newReceiver()];
    silent.respondWith('silence');
    const [one, other] = [await companyWith(silent), await companyWith(healthy)];
    const { forwarding } = await open({ timeoutMs: 60_000 });
    for (let count = 0; count < 10; count += 1) await storeText(one);
    await forwarding.sweep();
    await waitFor('its lanes to be full', () => silent.requests.length === 2);
    for (let count = 0; count < 5; count += 1) await storeText(other);
    await forwarding.sweep();
    await waitFor('the others', () => healthy.requests.length === 5, 5_000);
    expect(silent.requests).toHaveLength(2);
    // Its jobs are not to be waited for at the end.
    await silent[Symbol.asyncDispose]();
  });

  it('ends among the dead letters, with a reason that says nothing of it', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding, log, queue } = await open({}, { maxAttempts: 2 });
    receiver.respondWith({ status: 302, headers: { location: `${receiver.url}/elsewhere` } });
    const phone = newPhone();
    await storeText(companyId, phone);
    await forwarding.sweep();
    const letter = await waitFor('the dead letter', async () =>
      (await queue.deadLetters('forwarding', 10)).find(({ key }) => key.startsWith(`${companyId}:`)),
    );
    expect(letter).toMatchObject({ attempts: 2, reason: { message: 'The receiver answered 302' } });
    expect(receiver.requests).toHaveLength(2);
    const left = JSON.stringify([letter, log.lines]);
    expect(left).toContain('Message forwarded');
    for (const hidden of [phone, phone.slice(1), secretText, receiver.url, secret])
      expect(left).not.toContain(hidden);
  });

  it.each(['http://localhost', 'http://127.0.0.1', 'http://[::ffff:127.0.0.1]', 'http://127.1'])(
    'never goes to %s in production: no connection is made',
    async (origin) => {
      const receiver = await newReceiver();
      const { id } = await registerCompany(store.repositories);
      const receivers = new HttpWebhookSender({ allowLoopback: false, now: () => new Date() });
      const webhook = { version: 'v', url: `${origin}:${receiver.port}/`, secrets: [secret] };
      expect(await receivers.deliver(id, webhook, { id: 'msg', body: '{}' })).toEqual({
        outcome: 'failed',
        reason: 'The host resolves to a non-public address',
      });
      expect(receiver.requests).toEqual([]);
    },
  );
});
