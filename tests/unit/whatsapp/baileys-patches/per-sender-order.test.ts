import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { expect, it } from 'vitest';
import { serialiseMessagesPerSender } from '../../../../src/whatsapp/baileys-patches/per-sender-order.ts';

it('messages are handled in order per sender, and senders do not block each other', async () => {
  const ws = new EventEmitter();
  const [handled, failures]: [string[], unknown[]] = [[], []];
  // oxlint-disable-next-line typescript/no-misused-promises -- Baileys registers async listeners
  ws.on('CB:message', async ({ attrs: { id = '', t = '0' } }: BinaryNode) => {
    await delay(Number(t));
    if (id === 'broken') throw new Error(id);
    handled.push(id);
  });
  serialiseMessagesPerSender(ws as unknown as WASocket['ws'], (error) => failures.push(error));
  const arrives = (from: string, id: string, ms: number) =>
    ws.emit('CB:message', { tag: 'message', attrs: { from, id, t: String(ms) } });
  arrives('anna', 'broken', 30);
  arrives('anna', 'first', 20);
  arrives('anna', 'second', 0);
  arrives('boris', 'other', 0);
  await expect.poll(() => handled).toEqual(['other', 'first', 'second']);
  expect(failures).toHaveLength(1);
});
