import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import {
  ConnectTokenSigner,
  connectTokenLifetimeMs,
} from '../../../../src/marketplace/installation/connect-token.ts';

describe('ConnectTokenSigner', () => {
  it('accepts a token up to 30 s after its expiry, for clock differences', async () => {
    let nowMs = Date.UTC(2026, 2, 10);
    const signer = new ConnectTokenSigner('a-secret-of-this-test-and-of-nothing-else', () => new Date(nowMs));
    const companyId = companyIdFrom(41);
    const { token } = await signer.sign(companyId);
    const outcomes = [];
    for (const afterEndMs of [-1_000, 29_000, 31_000]) {
      nowMs = Date.UTC(2026, 2, 10) + connectTokenLifetimeMs + afterEndMs;
      outcomes.push(
        await signer.verify(token).then(
          (id) => id,
          (error: unknown) => error,
        ),
      );
    }
    expect(outcomes).toEqual([companyId, companyId, expect.objectContaining({ code: 'INVALID_TOKEN' })]);
  });
});
