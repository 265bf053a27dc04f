import { describe, expect, it } from 'vitest';
import { pairingNotAllowedError } from '../../../../src/whatsapp/session/errors.ts';

describe('pairingNotAllowedError', () => {
  it.each(['connected', 'connecting', 'reconnecting'] as const)('refuses a session that is %s', (state) => {
    expect(pairingNotAllowedError(state)).toBeDefined();
  });

  it.each(['idle', 'qr_expired', 'logged_out', 'banned', 'conflict', 'stopped'] as const)(
    'allows a session that is %s, which would not reconnect by itself',
    (state) => {
      expect(pairingNotAllowedError(state)).toBeUndefined();
    },
  );
});
