import { describe, expect, it } from 'vitest';

import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppWorld } from '../../../support/fixtures/whatsapp-fixture.ts';

/** Ids and kinds of the receipts that the server carried, in its order. */
function carried(world: WhatsAppWorld): [id: string, kind: string][] {
  return world.whatsapp.log.flatMap((event) =>
    event.type === 'receipt' && event.from === world.guest.number ? [[event.id, event.kind]] : [],
  );
}

describe('receipts that a phone sends by itself', () => {
  it('can be late', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.guest.receiptHabits.delayMs = () => 1500;
    const id = await client.send(world.guestJid, 'Не спешите');
    await world.guest.waitForMessage((message) => message.id === id);
    await waitFor('the acknowledgement', () => client.acks.has(id));
    expect(client.statuses(id)).toEqual([]);
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
  });

  it('can come before the acknowledgement', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.whatsapp.delayAcks(2000);
    world.guest.receiptHabits.delayMs = () => 0;
    const id = await client.send(world.guestJid, 'Уже здесь');
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
    expect(client.acks.has(id)).toBe(false);
    await waitFor('the acknowledgement', () => client.acks.has(id));
  });

  it('can be repeated, and tell of reading before delivery', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.guest.automaticReceipts.read = true;
    Object.assign(world.guest.receiptHabits, { copies: 2, readFirst: true });
    const id = await client.send(world.guestJid, 'Прочтите');
    await waitFor('all receipts', () => carried(world).length === 4);
    expect(carried(world)).toEqual([
      [id, 'read'],
      [id, 'read'],
      [id, 'delivered'],
      [id, 'delivered'],
    ]);
    // Of receipts that come together Baileys may tell the last alone.
    await waitFor('the last receipt', () => client.statuses(id).at(-1) === 3);
  });

  it('can come in another order than the messages', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const delaysMs = [1500, 0];
    world.guest.receiptHabits.delayMs = () => delaysMs.shift() ?? 0;
    const first = await client.send(world.guestJid, 'Раз');
    const second = await client.send(world.guestJid, 'Два');
    await waitFor('both receipts', () => carried(world).length === 2);
    expect(carried(world)).toEqual([
      [second, 'delivered'],
      [first, 'delivered'],
    ]);
    await waitFor('both statuses', () => [first, second].every((id) => client.statuses(id).includes(3)));
  });
});

describe('receipts that a test sends', () => {
  it('come in any order and number', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.guest.automaticReceipts.delivered = false;
    const id = await client.send(world.guestJid, 'Когда захотите');
    await world.guest.waitForMessage((message) => message.id === id);
    for (const [kind, status] of [
      ['read', 4],
      ['delivered', 3],
      ['delivered', 3],
      ['played', 5],
    ] as const) {
      const before = client.statuses(id).length;
      world.guest.confirm(id, kind);
      await waitFor(`the receipt: ${kind}`, () => client.statuses(id).length > before);
      expect(client.statuses(id).at(-1)).toBe(status);
    }
  });

  it('can tell of many read messages at once', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const ids = [
      await client.send(world.guestJid, 'Раз'),
      await client.send(world.guestJid, 'Два'),
      await client.send(world.guestJid, 'Три'),
    ];
    await waitFor('the messages', () => world.guest.inbox.length === 3);
    await waitFor('the delivery receipts', () => carried(world).length === 3);
    world.guest.markAllRead(world.owner.number);
    await waitFor('the read receipt', () => ids.every((id) => client.statuses(id).includes(4)));
    expect(carried(world).slice(3)).toEqual(ids.map((id) => [id, 'read']));
  });
});
