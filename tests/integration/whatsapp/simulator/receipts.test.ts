import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

/** Ids and types of the receipts at the server, in order. */
function carried(fixture: WhatsAppFixture): [id: string, kind: string][] {
  return fixture.whatsapp.log.flatMap((event) =>
    event.type === 'receipt' && event.from === fixture.guest.number ? [[event.id, event.kind]] : [],
  );
}

describe('automatic receipts', () => {
  it('can be delayed', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.guest.receiptBehavior.delayMs = () => 1500;
    const id = await client.send(fixture.guestJid, 'Не спешите');
    await fixture.guest.waitForMessage((message) => message.id === id);
    await waitFor('the acknowledgement', () => client.acks.has(id));
    expect(client.statuses(id)).toEqual([]);
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
  });

  it('can arrive before the acknowledgement', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.delayAcks(2000);
    fixture.guest.receiptBehavior.delayMs = () => 0;
    const id = await client.send(fixture.guestJid, 'Уже здесь');
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
    expect(client.acks.has(id)).toBe(false);
    await waitFor('the acknowledgement', () => client.acks.has(id));
  });

  it('can be repeated, and report reading before delivery', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.guest.automaticReceipts.read = true;
    Object.assign(fixture.guest.receiptBehavior, { copies: 2, readFirst: true });
    const id = await client.send(fixture.guestJid, 'Прочтите');
    await waitFor('all receipts', () => carried(fixture).length === 4);
    expect(carried(fixture)).toEqual([
      [id, 'read'],
      [id, 'read'],
      [id, 'delivered'],
      [id, 'delivered'],
    ]);
    // Baileys may emit only the last of several receipts that arrive together.
    await waitFor('the last receipt', () => client.statuses(id).at(-1) === 3);
  });

  it('can arrive in another order than the messages', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const delaysMs = [1500, 0];
    fixture.guest.receiptBehavior.delayMs = () => delaysMs.shift() ?? 0;
    const first = await client.send(fixture.guestJid, 'Раз');
    const second = await client.send(fixture.guestJid, 'Два');
    await waitFor('both receipts', () => carried(fixture).length === 2);
    expect(carried(fixture)).toEqual([
      [second, 'delivered'],
      [first, 'delivered'],
    ]);
    await waitFor('both statuses', () => [first, second].every((id) => client.statuses(id).includes(3)));
  });
});

describe('receipts sent by a test', () => {
  it('arrive in any order and number', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.guest.automaticReceipts.delivered = false;
    const id = await client.send(fixture.guestJid, 'Когда захотите');
    await fixture.guest.waitForMessage((message) => message.id === id);
    for (const [kind, status] of [
      ['read', 4],
      ['delivered', 3],
      ['delivered', 3],
      ['played', 5],
    ] as const) {
      const before = client.statuses(id).length;
      fixture.guest.sendReceipt(id, kind);
      await waitFor(`the receipt: ${kind}`, () => client.statuses(id).length > before);
      expect(client.statuses(id).at(-1)).toBe(status);
    }
  });

  it('can confirm many read messages at once', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const ids = [
      await client.send(fixture.guestJid, 'Раз'),
      await client.send(fixture.guestJid, 'Два'),
      await client.send(fixture.guestJid, 'Три'),
    ];
    await waitFor('the messages', () => fixture.guest.inbox.length === 3);
    await waitFor('the delivery receipts', () => carried(fixture).length === 3);
    fixture.guest.markAllRead(fixture.owner.number);
    await waitFor('the read receipt', () => ids.every((id) => client.statuses(id).includes(4)));
    expect(carried(fixture).slice(3)).toEqual(ids.map((id) => [id, 'read']));
  });
});
