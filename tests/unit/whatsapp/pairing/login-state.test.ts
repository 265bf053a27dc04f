import { describe, expect, it } from 'vitest';
import { LoginState } from '../../../../src/whatsapp/pairing/login-state.ts';
import { pairingNotAllowedError, pairingEndedError } from '../../../../src/whatsapp/session/errors.ts';

function newLinking(): LoginState {
  return new LoginState(undefined, () => new Date());
}

describe('linking', () => {
  it.each([
    ['qr_expired', 'QR_EXPIRED'],
    ['passkey_required', 'PASSKEY_REQUIRED'],
    ['idle', 'CONNECTION_FAILED'],
  ] as const)('that comes to rest as %s tells those who wait for a code %s', async (state, code) => {
    const linking = newLinking();
    linking.beginPairing();
    const waiting = linking.pairing?.waitForQr(1_000);
    linking.endPairing(pairingEndedError(state));
    await expect(waiting).rejects.toMatchObject({ code });
    expect(linking.pairing).toBeUndefined();
  });

  it('replaces a stored identity only while a pairing runs that may', () => {
    const linking = newLinking();
    linking.setReplacementAllowed(true);
    expect(linking.purpose).toBe('restore');
    linking.beginPairing();
    expect(linking.purpose).toBe('replace');
    linking.completeLogin();
    expect(linking.purpose).toBe('pair');
  });

  it('knows the first login after a phone accepted the device from those that follow', () => {
    const linking = newLinking();
    linking.beginPairing();
    linking.markLinked();
    expect(linking.purpose).toBe('restore');
    expect(linking.completeLogin()).toBe(true);
    expect(linking.completeLogin()).toBe(false);
  });

  it.each(['connected', 'connecting', 'reconnecting'] as const)(
    'is refused to a session that is %s',
    (state) => {
      expect(pairingNotAllowedError(state)).toBeDefined();
    },
  );

  it.each(['idle', 'qr_expired', 'logged_out', 'banned', 'conflict', 'stopped'] as const)(
    'is open to a session that is %s: nothing else would bring it back',
    (state) => {
      expect(pairingNotAllowedError(state)).toBeUndefined();
    },
  );
});
