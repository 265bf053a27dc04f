import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../src/domain/ids.ts';
import { Receivers } from '../../src/outgoing/receivers.ts';
import { WebhookReceiver } from '../harness/webhook-receiver.ts';

const companyId = companyIdFrom(1);
const secrets = [`whsec_${Buffer.from('a secret of thirty-two bytes, ok').toString('base64')}`];
const envelope = { id: 'msg', body: '{}' };

describe("a company's own system", () => {
  it('that wants to speak another protocol has not taken the message, and keeps no lane', async () => {
    await using receiver = await WebhookReceiver.start();
    receiver.answer({ status: 101, headers: { connection: 'Upgrade', upgrade: 'websocket' } });
    const receivers = new Receivers({ allowLoopback: true, now: () => new Date(), timeoutMs: 2_000 });
    for (let count = 0; count < 3; count += 1)
      expect(
        await receivers.deliver(companyId, { version: 'v', url: receiver.url, secrets }, envelope),
      ).toEqual({ outcome: 'failed', reason: 'The receiver answered 101' });
    expect(receiver.posts).toHaveLength(3);
  });
});
