import { lookup } from 'node:dns/promises';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../dev-env/wait-for.ts';
import { companyIdFrom } from '../../../src/domain/ids.ts';
import { HttpWebhookSender } from '../../../src/webhook-delivery/webhook-sender.ts';
import { DnsServer } from '../../support/servers/dns-server.ts';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.ts';

const companyId = companyIdFrom(1);
const secrets = [`whsec_${Buffer.from('a secret of thirty-two bytes, ok').toString('base64')}`];
const message = { id: 'msg', body: '{}' };
const deps = { now: () => new Date(), random: Math.random };

describe('HttpWebhookSender', () => {
  it('treats 101 as a failure and frees the slot', async () => {
    await using receiver = await WebhookReceiver.start();
    receiver.respondWith({ status: 101, headers: { connection: 'Upgrade', upgrade: 'websocket' } });
    const sender = new HttpWebhookSender(deps, { allowLoopback: true, timeoutMs: 2_000 });
    for (let count = 0; count < 3; count += 1)
      expect(await sender.deliver(companyId, { version: 'v', url: receiver.url, secrets }, message)).toEqual({
        outcome: 'failed',
        reason: 'The receiver answered 101',
      });
    expect(receiver.requests).toHaveLength(3);
  });

  it('delivers to the resolved address unless it is not public', async () => {
    await using receiver = await WebhookReceiver.start();
    await using dnsServer = await DnsServer.start('127.0.0.1');
    const webhook = { version: 'v', url: `http://salon.example:${receiver.port}/`, secrets };
    const deliver = (allowLoopback: boolean) =>
      new HttpWebhookSender(deps, { allowLoopback, nameServers: [dnsServer.address] }).deliver(
        companyId,
        webhook,
        message,
      );
    expect(await deliver(false)).toEqual({
      outcome: 'failed',
      reason: 'The host resolves to a non-public address',
    });
    expect(receiver.requests).toEqual([]);
    expect(await deliver(true)).toEqual({ outcome: 'delivered' });
  });

  it('does not block other DNS lookups while name servers do not respond', async () => {
    await using silentDnsServer = await DnsServer.start();
    const sender = new HttpWebhookSender(deps, {
      allowLoopback: true,
      concurrency: 16,
      timeoutMs: 1_500,
      nameServers: [silentDnsServer.address],
    });
    const webhook = { version: 'v', url: 'https://salon.example/', secrets };
    const deliveries = Array.from({ length: 16 }, () => sender.deliver(companyId, webhook, message));
    await waitFor('the DNS queries', () => silentDnsServer.queryCount >= 32);
    const startedAtMs = performance.now();
    await lookup('localhost');
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    for (const delivery of await Promise.all(deliveries))
      expect(delivery).toEqual({ outcome: 'failed', reason: 'The receiver timed out' });
  });
});
