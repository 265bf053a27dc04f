import { describe, expect, it } from 'vitest';
import { Linking } from '../../../../src/whatsapp/pairing/login-state.ts';
import { whyNotPair, whyPairingEnded } from '../../../../src/whatsapp/session/errors.ts';

function newLinking(): Linking {
  return new Linking(undefined, () => new Date());
}

describe('linking', () => {
  it.each([
    ['qr_expired', 'QR_EXPIRED'],
    ['passkey_required', 'PASSKEY_REQUIRED'],
    ['idle', 'CONNECTION_FAILED'],
  ] as const)('that comes to rest as %s tells those who wait for a code %s', async (state, code) => {
    const linking = newLinking();
    linking.begin();
    const waiting = linking.pairing?.liveCode(1_000);
    linking.end(whyPairingEnded(state));
    await expect(waiting).rejects.toMatchObject({ code });
    expect(linking.pairing).toBeUndefined();
  });

  it('replaces a stored identity only while a pairing runs that may', () => {
    const linking = newLinking();
    linking.allowReplacement(true);
    expect(linking.purpose).toBe('restore');
    linking.begin();
    expect(linking.purpose).toBe('replace');
    linking.loggedIn();
    expect(linking.purpose).toBe('pair');
  });

  it('knows the first login after a phone accepted the device from those that follow', () => {
    const linking = newLinking();
    linking.begin();
    linking.linked();
    expect(linking.purpose).toBe('restore');
    expect(linking.loggedIn()).toBe(true);
    expect(linking.loggedIn()).toBe(false);
  });

  it.each(['connected', 'connecting', 'reconnecting'] as const)(
    'is refused to a session that is %s',
    (state) => {
      expect(whyNotPair(state)).toBeDefined();
    },
  );

  it.each(['idle', 'qr_expired', 'logged_out', 'banned', 'conflict', 'stopped'] as const)(
    'is open to a session that is %s: nothing else would bring it back',
    (state) => {
      expect(whyNotPair(state)).toBeUndefined();
    },
  );
});
