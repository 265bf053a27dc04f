import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import { Pairing } from '../../../../src/whatsapp/pairing/pairing.ts';

function pairingAt(startMs: number) {
  const clock = { nowMs: startMs };
  return { clock, pairing: new Pairing(undefined, () => new Date(clock.nowMs)) };
}

describe('the QR codes of a pairing', () => {
  it('live 60 s and then 20 s each, and a moment for their successor to appear, and count up over a change of the socket too', () => {
    const { clock, pairing } = pairingAt(1_000);
    expect(pairing.issueQr('a', 'first')).toEqual({ text: 'a', sequence: 1, expiresAt: new Date(62_000) });
    clock.nowMs = 61_000;
    expect(pairing.issueQr('b', 'next')).toEqual({ text: 'b', sequence: 2, expiresAt: new Date(82_000) });
    clock.nowMs = 70_000;
    expect(pairing.issueQr('c', 'first')).toEqual({ text: 'c', sequence: 3, expiresAt: new Date(131_000) });
  });

  it('keep their time when they are drawn again with another secret', () => {
    const { clock, pairing } = pairingAt(1_000);
    const { expiresAt } = pairing.issueQr('a', 'first');
    clock.nowMs = 50_000;
    expect(pairing.issueQr('b', 'renewed')).toEqual({ text: 'b', sequence: 2, expiresAt });
    clock.nowMs = 61_000;
    expect(pairing.issueQr('c', 'next')).toMatchObject({ sequence: 3, expiresAt: new Date(82_000) });
  });

  it('leave a typed code 150 s, less when its socket ends before, and no time at all near its end', () => {
    const { clock, pairing } = pairingAt(0);
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

  it('are given to whoever asks while they live', async () => {
    const { clock, pairing } = pairingAt(0);
    pairing.issueQr('a', 'first');
    clock.nowMs = 60_999;
    await expect(pairing.waitForQr(10)).resolves.toMatchObject({ text: 'a' });
    clock.nowMs = 61_000;
    const next = pairing.waitForQr(1_000);
    pairing.issueQr('b', 'next');
    await expect(next).resolves.toMatchObject({ text: 'b' });
  });

  it('are not given out after their socket is gone', async () => {
    const { pairing } = pairingAt(0);
    pairing.issueQr('a', 'first');
    pairing.invalidateCodes();
    await expect(pairing.waitForQr(10)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
  });

  it('end for everybody who waits when the pairing ends', async () => {
    const { pairing } = pairingAt(0);
    const waiting = pairing.waitForQr(1_000);
    pairing.fail(new AppError('QR_EXPIRED'));
    await expect(waiting).rejects.toMatchObject({ code: 'QR_EXPIRED' });
    await expect(pairing.waitForQr(1_000)).rejects.toMatchObject({ code: 'QR_EXPIRED' });
  });
});
