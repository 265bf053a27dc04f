import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { BaileysClient } from '../harness/baileys-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { quietLibsignal } from '../simulators/whatsapp/quiet-libsignal.ts';
import { WhatsAppSimulator } from '../simulators/whatsapp/whatsapp-simulator.ts';

const salonNumber = '79990000001';
const clientNumber = '79990000002';
const clientJid = `${clientNumber}@s.whatsapp.net`;

let quiet: Disposable;
let whatsapp: WhatsAppSimulator;
let clients: BaileysClient[] = [];

function client(
  options: ConstructorParameters<typeof BaileysClient>[1] = {},
  from?: BaileysClient,
): BaileysClient {
  const made = new BaileysClient(whatsapp.url, options, from);
  clients.push(made);
  return made;
}

beforeAll(() => {
  quiet = quietLibsignal();
});
afterAll(() => quiet[Symbol.dispose]());

beforeEach(async () => {
  whatsapp = await WhatsAppSimulator.start();
});
afterEach(async () => {
  for (const made of clients) made[Symbol.dispose]();
  clients = [];
  await whatsapp[Symbol.asyncDispose]();
});

describe('linking by QR code', () => {
  it('opens the account after the scan and the ordered restart', async () => {
    const salon = client();
    await salon.linkTo(whatsapp.phone(salonNumber));

    expect(salon.creds.me?.id).toBe(`${salonNumber}:1@s.whatsapp.net`);
    expect(whatsapp.phone(salonNumber).linkedDevices).toEqual([1]);
    await waitFor('the history of the phone', () => salon.historySyncs === 1);
    expect(whatsapp.log.filter(({ type }) => type === 'error')).toEqual([]);
  });

  it('reopens without a QR code', async () => {
    const salon = client();
    await salon.linkTo(whatsapp.phone(salonNumber));
    salon[Symbol.dispose]();

    const again = client({}, salon);
    again.connect();
    await again.opened();
    expect(again.qrCodes).toEqual([]);
  });
});

describe('messages', () => {
  it('reach the phone of the other person, word for word', async () => {
    const salon = client();
    await salon.linkTo(whatsapp.phone(salonNumber));
    const person = whatsapp.phone(clientNumber);
    const text = 'Здравствуйте, Анна! Ждём вас завтра в 15:00 💇';
    const id = await salon.send(clientJid, text);

    const received = await person.waitForMessage((message) => message.id === id);
    expect(received).toMatchObject({ from: salonNumber, text });
    await waitFor('the acknowledgement', () => salon.acks.has(id));
    expect(salon.acks.get(id)).toBeUndefined();
    await waitFor('the delivery receipt', () => salon.statuses(id).includes(3));
    person.markRead(id);
    await waitFor('the read receipt', () => salon.statuses(id).includes(4));
    await waitFor('the copy', () =>
      whatsapp.phone(salonNumber).sentFromCompanions.some((copy) => copy.text === text),
    );
  });

  it('from the other person reach the linked device', async () => {
    const salon = client();
    await salon.linkTo(whatsapp.phone(salonNumber));
    const person = whatsapp.phone(clientNumber);
    const id = await person.sendText(salonNumber, 'Спасибо, приду');

    await waitFor('the reply', () => salon.texts().includes('Спасибо, приду'));
    const receipt = await waitFor('the receipt', () => person.receipts.find((found) => found.id === id));
    expect(receipt).toEqual({ id, from: salonNumber, kind: 'delivered' });
  });
});
