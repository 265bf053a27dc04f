import { lookup } from 'node:dns/promises';
import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../src/domain/ids.ts';
import { HttpWebhookSender } from '../../../src/webhook-delivery/webhook-sender.ts';
import { DnsServer } from '../../support/servers/dns-server.ts';
import { waitFor } from '../../../dev-env/wait-for.ts';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.ts';

const companyId = companyIdFrom(1);
const secrets = [`whsec_${Buffer.from('a secret of thirty-two bytes, ok').toString('base64')}`];
const envelope = { id: 'msg', body: '{}' };

describe("a company's own system", () => {
  it('that wants to speak another protocol has not taken the message, and keeps no lane', async () => {
    await using receiver = await WebhookReceiver.start();
    receiver.respondWith({ status: 101, headers: { connection: 'Upgrade', upgrade: 'websocket' } });
    const receivers = new HttpWebhookSender({ allowLoopback: true, now: () => new Date(), timeoutMs: 2_000 });
    for (let count = 0; count < 3; count += 1)
      expect(
        await receivers.deliver(companyId, { version: 'v', url: receiver.url, secrets }, envelope),
      ).toEqual({ outcome: 'failed', reason: 'The receiver answered 101' });
    expect(receiver.requests).toHaveLength(3);
  });

  it('is reached where its name servers say, unless that is within our network', async () => {
    await using receiver = await WebhookReceiver.start();
    await using names = await DnsServer.start('127.0.0.1');
    const webhook = { version: 'v', url: `http://salon.example:${receiver.port}/`, secrets };
    const deliver = (allowLoopback: boolean) =>
      new HttpWebhookSender({ allowLoopback, now: () => new Date(), nameServers: [names.address] }).deliver(
        companyId,
        webhook,
        envelope,
      );
    expect(await deliver(false)).toEqual({
      outcome: 'failed',
      reason: 'The host resolves to a non-public address',
    });
    expect(receiver.requests).toEqual([]);
    expect(await deliver(true)).toEqual({ outcome: 'delivered' });
  });

  it('whose name servers are dead holds up nobody else who looks for a name', async () => {
    await using dead = await DnsServer.start();
    const receivers = new HttpWebhookSender({
      allowLoopback: true,
      concurrency: 16,
      timeoutMs: 1_500,
      now: () => new Date(),
      nameServers: [dead.address],
    });
    const webhook = { version: 'v', url: 'https://salon.example/', secrets };
    const deliveries = Array.from({ length: 16 }, () => receivers.deliver(companyId, webhook, envelope));
    await waitFor('the questions', () => dead.queryCount >= 32);
    const startedAtMs = performance.now();
    await lookup('localhost');
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    for (const delivery of await Promise.all(deliveries))
      expect(delivery).toEqual({ outcome: 'failed', reason: 'The receiver timed out' });
  });
});
