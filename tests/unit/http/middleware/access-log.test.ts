import { describe, expect, it } from 'vitest';
import { maskPath } from '../../../../src/http/middleware/access-log.ts';

describe('maskPath', () => {
  it('masks tokens, secrets and long segments but keeps ids', () => {
    expect(maskPath('/marketplace/status/41?token=abc')).toBe('/marketplace/status/41');
    expect(maskPath('/marketplace/qr/abc')).toBe('/marketplace/qr/***');
    expect(maskPath('/marketplace/QR/abc/')).toBe('/marketplace/QR/***/');
    expect(maskPath('/marketplace/webhook/41/s3cret/more')).toBe('/marketplace/webhook/41/***');
    expect(maskPath('/marketplace/messages/0198f2a0-1111-7222-8333-444455556666')).toBe(
      '/marketplace/messages/0198f2a0-1111-7222-8333-444455556666',
    );
    expect(maskPath(`/marketplace/${'x'.repeat(25)}`)).toBe('/marketplace/***');
  });
});
