import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { expect, it } from 'vitest';
import { serialiseMessagesPerSender } from '../../../../src/whatsapp/baileys-patches/per-sender-order.ts';

it('what one sender writes is taken up in its order, also after a failure, and others do not wait', async () => {
  const ws = new EventEmitter();
  const [done, failures]: [string[], unknown[]] = [[], []];
  // oxlint-disable-next-line typescript/no-misused-promises -- as Baileys listens
  ws.on('CB:message', async ({ attrs: { id = '', t = '0' } }: BinaryNode) => {
    await delay(Number(t));
    if (id === 'broken') throw new Error(id);
    done.push(id);
  });
  serialiseMessagesPerSender(ws as unknown as WASocket['ws'], (error) => failures.push(error));
  const arrives = (from: string, id: string, ms: number) =>
    ws.emit('CB:message', { tag: 'message', attrs: { from, id, t: String(ms) } });
  arrives('anna', 'broken', 30);
  arrives('anna', 'first', 20);
  arrives('anna', 'second', 0);
  arrives('boris', 'other', 0);
  await expect.poll(() => done).toEqual(['other', 'first', 'second']);
  expect(failures).toHaveLength(1);
});
