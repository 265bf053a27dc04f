import { describe, expect, it } from 'vitest';
import { statusesFromReceipt, statusFromAck } from '../../../../src/whatsapp/messages/delivery-receipts.ts';

const me = { id: '79031112233:5@s.whatsapp.net', lid: '111222333:5@lid' };

function receipt(attrs: Record<string, string>, content?: { tag: string; attrs: Record<string, string> }[]) {
  const list = content && [{ tag: 'list', attrs: {}, content }];
  return { tag: 'receipt', attrs: { id: 'A1', ...attrs }, ...(list && { content: list }) };
}

describe('a server ack', () => {
  it('means sent', () => {
    const ack = { tag: 'ack', attrs: { class: 'message', id: 'A1' } };
    expect(statusFromAck(ack)).toEqual({ whatsappMessageId: 'A1', status: 'sent' });
  });

  it('with an error means failed and reports its code', () => {
    const ack = { tag: 'ack', attrs: { class: 'message', id: 'A1', error: '463' } };
    expect(statusFromAck(ack)).toEqual({ whatsappMessageId: 'A1', status: 'failed', errorCode: '463' });
  });
});

describe('a receipt', () => {
  const from = '79165550001@s.whatsapp.net';

  it.each([
    [{ from }, 'delivered'],
    [{ from: '998877@lid', type: 'read' }, 'read'],
    [{ from, type: 'played' }, 'read'],
  ])('%j means %s', (attrs, status) => {
    expect(statusesFromReceipt(receipt(attrs), me)).toEqual([{ whatsappMessageId: 'A1', status }]);
  });

  it('can cover several messages', () => {
    const node = receipt({ from, type: 'read' }, [
      { tag: 'item', attrs: { id: 'A2' } },
      { tag: 'item', attrs: { id: 'A3' } },
    ]);
    expect(statusesFromReceipt(node, me).map(({ whatsappMessageId }) => whatsappMessageId)).toEqual([
      'A1',
      'A2',
      'A3',
    ]);
  });

  it.each([
    [{ from, type: 'retry' }],
    [{ from, type: 'server-error' }],
    [{ from: '79031112233@s.whatsapp.net', recipient: from }],
    [{ from: '111222333@lid', recipient: from, type: 'read' }],
    [{ from: me.id, type: 'sender' }],
  ])('%j yields no update', (attrs) => {
    expect(statusesFromReceipt(receipt(attrs), me)).toEqual([]);
  });
});
