import { describe, expect, it } from 'vitest';
import { LoginState } from '../../../../src/whatsapp/pairing/login-state.ts';
import { pairingEndedError } from '../../../../src/whatsapp/session/errors.ts';

function createLoginState(): LoginState {
  return new LoginState(undefined, () => new Date());
}

describe('LoginState', () => {
  it.each([
    ['qr_expired', 'QR_EXPIRED'],
    ['passkey_required', 'PASSKEY_REQUIRED'],
    ['idle', 'CONNECTION_FAILED'],
  ] as const)('rejects waiting QR requests of a session parked as %s with %s', async (state, code) => {
    const loginState = createLoginState();
    loginState.beginPairing();
    const waiting = loginState.pairing?.waitForQr(1_000);
    loginState.endPairing(pairingEndedError(state));
    await expect(waiting).rejects.toMatchObject({ code });
    expect(loginState.pairing).toBeUndefined();
  });

  it('replaces a stored identity only during a pairing that is allowed to', () => {
    const loginState = createLoginState();
    loginState.setReplacementAllowed(true);
    expect(loginState.purpose).toBe('restore');
    loginState.beginPairing();
    expect(loginState.purpose).toBe('replace');
    loginState.completeLogin();
    expect(loginState.purpose).toBe('pair');
  });

  it('distinguishes the first login after linking from later ones', () => {
    const loginState = createLoginState();
    loginState.beginPairing();
    loginState.markLinked();
    expect(loginState.purpose).toBe('restore');
    expect(loginState.completeLogin()).toBe(true);
    expect(loginState.completeLogin()).toBe(false);
  });
});
