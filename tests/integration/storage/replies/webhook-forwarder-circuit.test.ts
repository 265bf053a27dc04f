import { describe, expect, it } from 'vitest';
import { HttpWebhookSender } from '../../../../src/webhook-delivery/webhook-sender.ts';
import { webhookIds, secret, useWebhookForwarding } from '../../../support/fixtures/webhook-forwarding.ts';
import { registerCompany } from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { deterministicUuid } from '../../../../src/crypto/hash.ts';

describe.each(engines())('a text whose receiver fails again and again, in $name', ({ make }) => {
  const { store, open, companyWith, newReceiver, storeText } = useWebhookForwarding(make);

  it('counts only the failures that happened, and arrives when the receiver is well again', async () => {
    const receiver = await newReceiver();
    receiver.respondWith({ status: 500 });
    const companyId = await companyWith(receiver);
    const circuit = { breakerFailures: 2, breakerOpenMs: 300 };
    const { forwarding, queue } = await open(circuit, { maxAttempts: 100 });
    const ids: string[] = [];
    for (let count = 0; count < 6; count += 1) ids.push(await storeText(companyId));
    await forwarding.sweep();
    await waitFor('posts after the circuit has opened', () => receiver.requests.length >= 4, 10_000);
    await queue.stop();
    const posts = receiver.requests.length;
    const [counted] = await store.database.sql.query(
      `select sum((output ->> 'failures')::int)::int as failures, sum(retry_count)::int as claims
       from pgboss.job where name = 'forwarding' and singleton_key like $1`,
      [`${companyId}:%`],
    );
    expect(counted?.['failures']).toBe(posts);
    expect(counted?.['claims']).toBeGreaterThan(posts);

    receiver.respondWith({ status: 200 });
    await open(circuit, { maxAttempts: 100 });
    const arrived = () => webhookIds(receiver).slice(posts);
    await waitFor('all of them', () => ids.every((id) => arrived().includes(id)), 10_000);
  });

  it('is put aside in time though it was held all the while, with what the receiver said last', async () => {
    const receiver = await newReceiver();
    receiver.respondWith({ status: 503 });
    const companyId = await companyWith(receiver);
    const { forwarding, queue } = await open(
      { breakerFailures: 1, breakerOpenMs: 60_000 },
      { maxAttempts: 100, maxAgeSeconds: 36 * 3_600 },
    );
    await storeText(companyId);
    await forwarding.sweep();
    await waitFor('the circuit to open', () => receiver.requests.length === 1);
    const held = await storeText(companyId);
    const jobId = deterministicUuid('forwarding', held);
    await queue.insert('forwarding', [
      { id: jobId, key: `${companyId}:held`, data: { companyId, messageId: held } },
    ]);
    const claims = async () => {
      const [row] = await store.database.sql.query(
        `select retry_count from pgboss.job where id = $1 and state = 'retry'`,
        [jobId],
      );
      return row?.['retry_count'];
    };
    await waitFor('it to be held', async () => (await claims()) === 1);
    await store.database.sql.query(
      `update pgboss.job set created_on = created_on - interval '36 hours', start_after = now() where id = $1`,
      [jobId],
    );
    const letter = await waitFor('the dead letter', async () =>
      (await queue.deadLetters('forwarding', 50)).find(({ id }) => id === jobId),
    );
    expect(letter).toMatchObject({
      attempts: 0,
      reason: { message: 'Not posted, the receiver fails: The receiver answered 503' },
    });
    expect(receiver.requests).toHaveLength(1);
  });

  it('is not even tried until the circuit closes', async () => {
    const receiver = await newReceiver();
    receiver.respondWith({ status: 500 });
    const { id } = await registerCompany(store.repositories);
    const receivers = new HttpWebhookSender({
      allowLoopback: true,
      now: () => new Date(),
      breakerFailures: 3,
      breakerOpenMs: 300,
    });
    const webhook = { version: 'v', url: receiver.url, secrets: [secret] };
    const deliver = () => receivers.deliver(id, webhook, { id: 'msg', body: '{}' });
    for (let count = 0; count < 3; count += 1) expect(await deliver()).toMatchObject({ outcome: 'failed' });
    for (let count = 0; count < 2; count += 1)
      expect(await deliver()).toMatchObject({ outcome: 'held', reason: 'The receiver answered 500' });
    expect(receiver.requests).toHaveLength(3);
    expect(
      await receivers.deliver(id, { ...webhook, version: 'w' }, { id: 'msg', body: '{}' }),
    ).toMatchObject({
      reason: 'The receiver answered 500',
    });
    receiver.respondWith({ status: 200 });
    await waitFor('the circuit to close', async () => (await deliver()).outcome === 'delivered');
  });
});
