import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import { Pairing } from '../../../../src/whatsapp/pairing/pairing.ts';

function createPairing(startMs: number) {
  const clock = { nowMs: startMs };
  return { clock, pairing: new Pairing(undefined, () => new Date(clock.nowMs)) };
}

describe('Pairing', () => {
  it('gives QR codes 60 s, then 20 s, plus a grace period, and numbers them across sockets', () => {
    const { clock, pairing } = createPairing(1_000);
    expect(pairing.issueQr('a', 'first')).toEqual({ text: 'a', sequence: 1, expiresAt: new Date(62_000) });
    clock.nowMs = 61_000;
    expect(pairing.issueQr('b', 'next')).toEqual({ text: 'b', sequence: 2, expiresAt: new Date(82_000) });
    clock.nowMs = 70_000;
    expect(pairing.issueQr('c', 'first')).toEqual({ text: 'c', sequence: 3, expiresAt: new Date(131_000) });
  });

  it('keeps the expiry of a QR code that is issued again with another secret', () => {
    const { clock, pairing } = createPairing(1_000);
    const { expiresAt } = pairing.issueQr('a', 'first');
    clock.nowMs = 50_000;
    expect(pairing.issueQr('b', 'renewed')).toEqual({ text: 'b', sequence: 2, expiresAt });
    clock.nowMs = 61_000;
    expect(pairing.issueQr('c', 'next')).toMatchObject({ sequence: 3, expiresAt: new Date(82_000) });
  });

  it('limits a pairing code to 150 s and to the lifetime of its socket', () => {
    const { clock, pairing } = createPairing(0);
    pairing.issueQr('a', 'first');
    expect(pairing.pairingCodeExpiresAt).toEqual(new Date(150_000));
    clock.nowMs = 60_000;
    expect(pairing.pairingCodeExpiresAt).toEqual(new Date(159_000));
    expect(pairing.hasTimeForPairingCode).toBe(true);
    clock.nowMs = 70_000;
    expect(pairing.hasTimeForPairingCode).toBe(false);
    pairing.issueQr('b', 'first');
    expect(pairing.pairingCodeExpiresAt).toEqual(new Date(220_000));
  });

  it('returns the current QR code until it expires', async () => {
    const { clock, pairing } = createPairing(0);
    pairing.issueQr('a', 'first');
    clock.nowMs = 60_999;
    await expect(pairing.waitForQr(10)).resolves.toMatchObject({ text: 'a' });
    clock.nowMs = 61_000;
    const next = pairing.waitForQr(1_000);
    pairing.issueQr('b', 'next');
    await expect(next).resolves.toMatchObject({ text: 'b' });
  });

  it('returns no QR code after its socket has closed', async () => {
    const { pairing } = createPairing(0);
    pairing.issueQr('a', 'first');
    pairing.invalidateCodes();
    await expect(pairing.waitForQr(10)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
  });

  it('rejects all waiting requests when it ends', async () => {
    const { pairing } = createPairing(0);
    const waiting = pairing.waitForQr(1_000);
    pairing.fail(new AppError('QR_EXPIRED'));
    await expect(waiting).rejects.toMatchObject({ code: 'QR_EXPIRED' });
    await expect(pairing.waitForQr(1_000)).rejects.toMatchObject({ code: 'QR_EXPIRED' });
  });
});
