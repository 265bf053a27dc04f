import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { deterministicUuid } from '../../../../src/crypto/hash.ts';
import { HttpWebhookSender } from '../../../../src/webhook-delivery/webhook-sender.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { registerCompany } from '../../../support/fixtures/storage.ts';
import { webhookIds, secret, useWebhookForwarding } from '../../../support/fixtures/webhook-forwarding.ts';

describe.each(engines())('forwarding to a failing receiver in $name', ({ make }) => {
  const { store, open, companyWith, newReceiver, storeText } = useWebhookForwarding(make);

  it('counts only real attempts and delivers once the receiver recovers', async () => {
    const receiver = await newReceiver();
    receiver.respondWith({ status: 500 });
    const companyId = await companyWith(receiver);
    const circuit = { breakerFailures: 2, breakerOpenMs: 300 };
    const { forwarder, queue } = await open(circuit, { maxAttempts: 100 });
    const ids: string[] = [];
    for (let count = 0; count < 6; count += 1) ids.push(await storeText(companyId));
    await forwarder.sweep();
    await waitFor('posts after the circuit has opened', () => receiver.requests.length >= 4, 10_000);
    await queue.stop();
    const postCount = receiver.requests.length;
    const [counted] = await store.database.sql.query(
      `select sum((output ->> 'failures')::int)::int as failures, sum(retry_count)::int as claims
       from pgboss.job where name = 'forwarding' and singleton_key like $1`,
      [`${companyId}:%`],
    );
    expect(counted?.['failures']).toBe(postCount);
    expect(counted?.['claims']).toBeGreaterThan(postCount);

    receiver.respondWith({ status: 200 });
    await open(circuit, { maxAttempts: 100 });
    const arrived = () => webhookIds(receiver).slice(postCount);
    await waitFor('all messages', () => ids.every((id) => arrived().includes(id)), 10_000);
  });

  it('dead-letters an expired job with the last failure, also while the circuit is open', async () => {
    const receiver = await newReceiver();
    receiver.respondWith({ status: 503 });
    const companyId = await companyWith(receiver);
    const { forwarder, queue } = await open(
      { breakerFailures: 1, breakerOpenMs: 60_000 },
      { maxAttempts: 100, maxAgeSeconds: 36 * 3_600 },
    );
    await storeText(companyId);
    await forwarder.sweep();
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
    await waitFor('the job to be held', async () => (await claims()) === 1);
    await store.database.sql.query(
      `update pgboss.job set created_on = created_on - interval '36 hours', start_after = now() where id = $1`,
      [jobId],
    );
    const deadLetter = await waitFor('the dead letter', async () =>
      (await queue.deadLetters('forwarding', 50)).find(({ id }) => id === jobId),
    );
    expect(deadLetter).toMatchObject({
      attempts: 0,
      reason: { message: 'Circuit open, last failure: The receiver answered 503' },
    });
    expect(receiver.requests).toHaveLength(1);
  });

  it('does not post while the circuit is open', async () => {
    const receiver = await newReceiver();
    receiver.respondWith({ status: 500 });
    const { id } = await registerCompany(store.repositories);
    const sender = new HttpWebhookSender(
      { now: () => new Date(), random: Math.random },
      {
        allowLoopback: true,
        breakerFailures: 3,
        breakerOpenMs: 300,
      },
    );
    const webhook = { version: 'v', url: receiver.url, secrets: [secret] };
    const deliver = () => sender.deliver(id, webhook, { id: 'msg', body: '{}' });
    for (let count = 0; count < 3; count += 1) expect(await deliver()).toMatchObject({ outcome: 'failed' });
    for (let count = 0; count < 2; count += 1)
      expect(await deliver()).toMatchObject({ outcome: 'held', reason: 'The receiver answered 500' });
    expect(receiver.requests).toHaveLength(3);
    expect(await sender.deliver(id, { ...webhook, version: 'w' }, { id: 'msg', body: '{}' })).toMatchObject({
      reason: 'The receiver answered 500',
    });
    receiver.respondWith({ status: 200 });
    await waitFor('the circuit to close', async () => (await deliver()).outcome === 'delivered');
  });
});
