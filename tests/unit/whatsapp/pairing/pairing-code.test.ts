import { EventEmitter } from 'node:events';
import type { AuthenticationCreds, BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { requestPairingCode } from '../../../../src/whatsapp/pairing/pairing-code.ts';

const refusal: BinaryNode = {
  tag: 'iq',
  attrs: { type: 'error' },
  content: [{ tag: 'error', attrs: { code: '429' } }],
};

/** As Baileys does it: numbers its queries, keeps the newest code, tells answers by their number. */
function socketOf(creds: Partial<AuthenticationCreds>) {
  const ws = new EventEmitter();
  let asked = 0;
  const generateMessageTag = () => `12.34-${(asked += 1)}`;
  const saved: Partial<AuthenticationCreds>[] = [];
  const ev = new EventEmitter().on('creds.update', (update: object) => saved.push({ ...update }));
  const makeCode = async (number: string) => {
    Object.assign(creds, { pairingCode: `CODE-${number}`, me: { id: number } });
    generateMessageTag();
    return `CODE-${number}`;
  };
  const sock = { ws, ev, authState: { creds }, generateMessageTag, requestPairingCode: makeCode };
  const answer = (tag: string, node: object) => ws.emit(`TAG:${tag}`, node);
  return { sock: sock as unknown as WASocket, saved, answer, lastTag: () => `12.34-${asked}`, ws };
}

describe('the answer to a request for a code', () => {
  it('is that of its own query: a late one to the request before is none', async () => {
    const { sock, answer, lastTag, ws } = socketOf({});
    await expect(requestPairingCode(sock, '71', 10)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    const lateTag = lastTag();
    const code = requestPairingCode(sock, '72', 1_000);
    expect(lastTag()).not.toBe(lateTag);
    answer(lateTag, refusal);
    answer(lastTag(), { tag: 'iq', attrs: { type: 'result' } });
    await expect(code).resolves.toBe('CODE-72');
    expect(ws.eventNames()).toEqual([]);
  });

  it('that is a refusal leaves code and number as they were, stored too', async () => {
    const { sock, answer, lastTag, saved } = socketOf({ pairingCode: 'OLD', me: { id: 'old' } });
    const code = requestPairingCode(sock, '71', 1_000);
    answer(lastTag(), refusal);
    await expect(code).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(sock.authState.creds).toMatchObject({ pairingCode: 'OLD', me: { id: 'old' } });
    expect(saved.at(-1)).toMatchObject({ pairingCode: 'OLD', me: { id: 'old' } });
  });

  it('that is a refusal does not touch the number of a phone that has scanned the QR code meanwhile', async () => {
    const { sock, answer, lastTag } = socketOf({ pairingCode: 'OLD', me: { id: 'old' } });
    const code = requestPairingCode(sock, '71', 1_000);
    Object.assign(sock.authState.creds, { me: { id: 'scanned' }, account: {} });
    answer(lastTag(), refusal);
    await expect(code).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(sock.authState.creds.me).toEqual({ id: 'scanned' });
  });
});
