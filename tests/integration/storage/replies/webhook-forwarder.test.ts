import { describe, expect, it } from 'vitest';
import { Receivers } from '../../../../src/webhook-delivery/webhook-sender.ts';
import { idsAt, secret, secretText, useForwarding } from '../../../support/fixtures/webhook-forwarding.ts';
import { engines, newPhone, registeredCompany } from '../../../support/fixtures/storage.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { ReceiverReply } from '../../../support/servers/webhook-receiver.ts';
import { verifiedWebhook } from '../../../support/checkers/webhook-verifier.ts';

describe.each(engines())('what a client wrote, on its way to the company, in $name', ({ make }) => {
  const { store, open, companyWith, newReceiver, keep } = useForwarding(make);

  it('arrives signed, with what it is, under 20 KB', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding } = await open();
    const phone = newPhone();
    const short = await keep(companyId, phone);
    const long = await keep(companyId, phone, '😀'.repeat(20_000));
    await forwarding.sweep();
    await waitFor('both', () => receiver.posts.length === 2);
    expect(idsAt(receiver)).toEqual([short, long]);
    const [first, second] = await Promise.all(
      receiver.posts.map(({ headers, body }) => verifiedWebhook(secret, headers, body)),
    );
    const data = { id: short, phone, text: secretText, sent_at: expect.any(String) as string };
    expect(first).toEqual({ type: 'message.received', timestamp: expect.any(String) as string, data });
    expect(second).toMatchObject({
      data: { truncated: true, text: expect.stringMatching(/^(😀)+$/u) as string },
    });
    expect(Buffer.byteLength(receiver.posts[1]?.body ?? '')).toBeLessThanOrEqual(20_000);
    expect(Buffer.byteLength(receiver.posts[1]?.body ?? '')).toBeGreaterThan(15_000);
  });

  it('is tried again under the same id until it is taken, before what the client wrote later', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding } = await open();
    const phone = newPhone();
    receiver.answer({ status: 500 });
    const first = await keep(companyId, phone);
    const second = await keep(companyId, phone);
    const others = await keep(companyId);
    await forwarding.sweep();
    await waitFor('retries and the other client', () => {
      const ids = idsAt(receiver);
      return ids.filter((id) => id === first).length >= 2 && ids.includes(others);
    });
    expect(idsAt(receiver)).not.toContain(second);
    receiver.answer({ status: 200 });
    await waitFor('the second', () => idsAt(receiver).includes(second));
    const bodies = receiver.posts.filter(({ headers }) => headers['webhook-id'] === first);
    expect(new Set(bodies.map(({ body }) => body)).size).toBe(1);
    await waitFor('the webhook to be well', async () => {
      const webhook = await store.repositories.webhooks.of(companyId);
      return webhook?.failingSince === undefined;
    });
  });

  it('waits as long as Retry-After says', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding } = await open();
    receiver.answer({ status: 429, headers: { 'retry-after': '2' } });
    await keep(companyId);
    await forwarding.sweep();
    await waitFor('the first attempt', () => receiver.posts.length > 0);
    receiver.answer({ status: 200 });
    await waitFor('the second attempt', () => receiver.posts.length > 1, 10_000);
    const [first, second] = receiver.posts;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(1_900);
  });

  it('is counted for its company alone while it waits', async () => {
    const [silent, healthy] = [await newReceiver(), await newReceiver()];
    const [companyId, otherId] = [await companyWith(silent), await companyWith(healthy)];
    const { forwarding } = await open();
    const reply = Promise.withResolvers<ReceiverReply>();
    silent.answer(reply.promise);
    for (const id of [companyId, companyId, otherId]) await keep(id);
    await forwarding.sweep();
    await waitFor('the other company', async () => (await forwarding.waiting(otherId)) === 0);
    expect(await forwarding.waiting(companyId)).toBe(2);
    reply.resolve({ status: 200 });
    await waitFor('the end', async () => (await forwarding.waiting(companyId)) === 0);
  });

  it('is told of no more after 410, until the company sets an address again', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding, log, queue } = await open();
    receiver.answer({ status: 410 });
    await keep(companyId);
    const webhook = () => store.repositories.webhooks.of(companyId);
    await forwarding.sweep();
    await waitFor('the webhook to be disabled', async () => (await webhook())?.disabledAt !== undefined);
    await keep(companyId);
    await forwarding.sweep();
    await waitFor('an empty queue', async () => (await queue.waiting('forwarding')).jobs === 0);
    expect(receiver.posts).toHaveLength(1);
    expect(log.lines.filter((line) => line.includes('disabled'))).toHaveLength(1);
    receiver.answer({ status: 200 });
    await store.repositories.webhooks.save(companyId, receiver.url, secret);
    const id = await keep(companyId);
    await forwarding.sweep();
    await waitFor('the next', () => receiver.posts.length === 2);
    expect(idsAt(receiver)[1]).toBe(id);
  });

  it('reaches the new address when the one before answers 410 after it was replaced', async () => {
    const [former, present] = [await newReceiver(), await newReceiver()];
    const companyId = await companyWith(former);
    const { forwarding } = await open();
    const reply = Promise.withResolvers<ReceiverReply>();
    former.answer(reply.promise);
    const id = await keep(companyId);
    await forwarding.sweep();
    await waitFor('the first attempt', () => former.posts.length === 1);
    await store.repositories.webhooks.save(companyId, present.url, secret);
    reply.resolve({ status: 410 });
    await waitFor('the second', () => present.posts.length > 0);
    expect(idsAt(present)).toEqual([id]);
    expect((await store.repositories.webhooks.of(companyId))?.disabledAt).toBeUndefined();
  });

  it('ends a failure that began while it was under way', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding, queue } = await open();
    const { webhooks } = store.repositories;
    const reply = Promise.withResolvers<ReceiverReply>();
    receiver.answer(reply.promise);
    await keep(companyId);
    await forwarding.sweep();
    await waitFor('the attempt', () => receiver.posts.length === 1);
    await webhooks.failed(companyId, (await webhooks.of(companyId))?.version ?? '', 48);
    reply.resolve({ status: 200 });
    await waitFor('an empty queue', async () => (await queue.waiting('forwarding')).jobs === 0);
    expect(await webhooks.of(companyId)).not.toHaveProperty('failingSince');
  });

  it('is not held up by the receiver of another company that never answers', async () => {
    const [silent, healthy] = [await newReceiver(), await newReceiver()];
    silent.answer('silence');
    const [one, other] = [await companyWith(silent), await companyWith(healthy)];
    const { forwarding } = await open({ timeoutMs: 60_000 });
    for (let count = 0; count < 10; count += 1) await keep(one);
    await forwarding.sweep();
    await waitFor('its lanes to be full', () => silent.posts.length === 2);
    for (let count = 0; count < 5; count += 1) await keep(other);
    await forwarding.sweep();
    await waitFor('the others', () => healthy.posts.length === 5, 5_000);
    expect(silent.posts).toHaveLength(2);
    // Its jobs are not to be waited for at the end.
    await silent[Symbol.asyncDispose]();
  });

  it('ends among the dead letters, with a reason that says nothing of it', async () => {
    const receiver = await newReceiver();
    const companyId = await companyWith(receiver);
    const { forwarding, log, queue } = await open({}, { maxAttempts: 2 });
    receiver.answer({ status: 302, headers: { location: `${receiver.url}/elsewhere` } });
    const phone = newPhone();
    await keep(companyId, phone);
    await forwarding.sweep();
    const letter = await waitFor('the dead letter', async () =>
      (await queue.deadLetters('forwarding', 10)).find(({ key }) => key.startsWith(`${companyId}:`)),
    );
    expect(letter).toMatchObject({ attempts: 2, reason: { message: 'The receiver answered 302' } });
    expect(receiver.posts).toHaveLength(2);
    const left = JSON.stringify([letter, log.lines]);
    expect(left).toContain('Text forwarded');
    for (const hidden of [phone, phone.slice(1), secretText, receiver.url, secret])
      expect(left).not.toContain(hidden);
  });

  it.each(['http://localhost', 'http://127.0.0.1', 'http://[::ffff:127.0.0.1]', 'http://127.1'])(
    'never goes to %s in production: no connection is made',
    async (origin) => {
      const receiver = await newReceiver();
      const { id } = await registeredCompany(store.repositories);
      const receivers = new Receivers({ allowLoopback: false, now: () => new Date() });
      const webhook = { version: 'v', url: `${origin}:${receiver.port}/`, secrets: [secret] };
      expect(await receivers.deliver(id, webhook, { id: 'msg', body: '{}' })).toEqual({
        outcome: 'failed',
        reason: 'The address is not public',
      });
      expect(receiver.posts).toEqual([]);
    },
  );
});
