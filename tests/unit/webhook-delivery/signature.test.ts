import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signWebhook } from '../../../src/webhook-delivery/signature.ts';
import { verifyWebhook } from '../../support/checkers/webhook-verifier.ts';

/** Published with the reference libraries of Standard Webhooks. */
const testVector = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

const headersWith = (signature: string): Record<string, string> => ({
  'webhook-id': testVector.id,
  'webhook-timestamp': String(testVector.timestamp),
  'webhook-signature': signature,
});
const nowMs = testVector.timestamp * 1_000;

describe('signWebhook', () => {
  it('produces the signature of the published test vector', () => {
    expect(signWebhook([testVector.secret], testVector)).toBe(testVector.signature);
  });

  it('produces signatures that receivers with the old or the new secret accept', async () => {
    const newSecret = `whsec_${randomBytes(32).toString('base64')}`;
    const headers = headersWith(signWebhook([newSecret, testVector.secret], testVector));
    for (const secret of [testVector.secret, newSecret])
      expect(await verifyWebhook(secret, headers, testVector.body, nowMs)).toEqual({
        test: 2_432_232_314,
      });
  });

  it.each<[string, Partial<typeof testVector>]>([
    ['another secret', { secret: `whsec_${randomBytes(24).toString('base64')}` }],
    ['another id', { id: 'msg_other' }],
    ['another time', { timestamp: testVector.timestamp + 1 }],
    ['another body', { body: '{"test": 2432232315}' }],
  ])('produces a signature that a receiver rejects for %s', async (_what, changes) => {
    const signedWith = { ...testVector, ...changes };
    const headers = headersWith(signWebhook([signedWith.secret], signedWith));
    await expect(verifyWebhook(testVector.secret, headers, testVector.body, nowMs)).rejects.toThrow(
      'signature',
    );
  });
});
