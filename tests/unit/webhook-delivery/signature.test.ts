import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signWebhook } from '../../../src/webhook-delivery/signature.ts';
import { verifyWebhook } from '../../support/checkers/webhook-verifier.ts';

/** Published with the reference libraries of Standard Webhooks. */
const vector = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

const headersWith = (signature: string): Record<string, string> => ({
  'webhook-id': vector.id,
  'webhook-timestamp': String(vector.timestamp),
  'webhook-signature': signature,
});
const atThatTime = vector.timestamp * 1_000;

describe('the signature of an outgoing webhook', () => {
  it('is that of the published test vector', () => {
    expect(signWebhook([vector.secret], vector)).toBe(vector.signature);
  });

  it('is accepted by a receiver with the old secret and by one with the new, while both sign', async () => {
    const newSecret = `whsec_${randomBytes(32).toString('base64')}`;
    const headers = headersWith(signWebhook([newSecret, vector.secret], vector));
    for (const secret of [vector.secret, newSecret])
      expect(await verifyWebhook(secret, headers, vector.body, atThatTime)).toEqual({
        test: 2_432_232_314,
      });
  });

  it.each<[string, Partial<typeof vector>]>([
    ['another secret', { secret: `whsec_${randomBytes(24).toString('base64')}` }],
    ['another id', { id: 'msg_other' }],
    ['another time', { timestamp: vector.timestamp + 1 }],
    ['another body', { body: '{"test": 2432232315}' }],
  ])('is refused when it was made with %s', async (_what, changes) => {
    const made = { ...vector, ...changes };
    const headers = headersWith(signWebhook([made.secret], made));
    await expect(verifyWebhook(vector.secret, headers, vector.body, atThatTime)).rejects.toThrow('signature');
  });
});
