import { EventEmitter } from 'node:events';
import type { AuthenticationCreds, BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { requestPairingCode } from '../../../../src/whatsapp/pairing/pairing-code.ts';

const refusal: BinaryNode = {
  tag: 'iq',
  attrs: { type: 'error' },
  content: [{ tag: 'error', attrs: { code: '429' } }],
};

/** Like Baileys: numbers its queries, keeps the newest code, emits responses by query number. */
function createSocket(creds: Partial<AuthenticationCreds>) {
  const ws = new EventEmitter();
  let queryCount = 0;
  const generateMessageTag = () => `12.34-${(queryCount += 1)}`;
  const saved: Partial<AuthenticationCreds>[] = [];
  const ev = new EventEmitter().on('creds.update', (update: object) => saved.push({ ...update }));
  const makeCode = async (number: string) => {
    Object.assign(creds, { pairingCode: `CODE-${number}`, me: { id: number } });
    generateMessageTag();
    return `CODE-${number}`;
  };
  const sock = { ws, ev, authState: { creds }, generateMessageTag, requestPairingCode: makeCode };
  const respond = (tag: string, node: object) => ws.emit(`TAG:${tag}`, node);
  return { sock: sock as unknown as WASocket, saved, respond, lastTag: () => `12.34-${queryCount}`, ws };
}

describe('requestPairingCode', () => {
  it('ignores a late response to the previous request', async () => {
    const { sock, respond, lastTag, ws } = createSocket({});
    await expect(requestPairingCode(sock, '71', 10)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    const lateTag = lastTag();
    const code = requestPairingCode(sock, '72', 1_000);
    expect(lastTag()).not.toBe(lateTag);
    respond(lateTag, refusal);
    respond(lastTag(), { tag: 'iq', attrs: { type: 'result' } });
    await expect(code).resolves.toBe('CODE-72');
    expect(ws.eventNames()).toEqual([]);
  });

  it('restores and saves the previous code and number after a refusal', async () => {
    const { sock, respond, lastTag, saved } = createSocket({ pairingCode: 'OLD', me: { id: 'old' } });
    const code = requestPairingCode(sock, '71', 1_000);
    respond(lastTag(), refusal);
    await expect(code).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(sock.authState.creds).toMatchObject({ pairingCode: 'OLD', me: { id: 'old' } });
    expect(saved.at(-1)).toMatchObject({ pairingCode: 'OLD', me: { id: 'old' } });
  });

  it('keeps the number of a phone that scanned the QR code before the refusal', async () => {
    const { sock, respond, lastTag } = createSocket({ pairingCode: 'OLD', me: { id: 'old' } });
    const code = requestPairingCode(sock, '71', 1_000);
    Object.assign(sock.authState.creds, { me: { id: 'scanned' }, account: {} });
    respond(lastTag(), refusal);
    await expect(code).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(sock.authState.creds.me).toEqual({ id: 'scanned' });
  });
});
