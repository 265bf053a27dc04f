import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateInDays, linkSalon, type LinkedSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { adminApiKey, clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { SimulatedRecord } from '../../../../dev-env/simulators/yclients/record.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const otherSalon = { id: 530_077, title: 'Салон «Верба»', timeZone: 'Europe/Moscow' } as const;
const json = { 'content-type': 'application/json' };

describe('malformed webhooks', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salons: readonly [LinkedSalon, LinkedSalon];
  let client: SimulatedPhone;
  let template: SimulatedRecord;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    stack.yclients.addSalon(otherSalon);
    salons = [
      await linkSalon(stack),
      await linkSalon(stack, { salonId: otherSalon.id, number: '79001112277' }),
    ];
    client = stack.whatsapp.phone(clientNumber);
    template = stack.yclients.book(salons[0].salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff: 'Образец.',
      start: dateInDays(2, '14:30:00'),
    });
    await waitForMessage('Образец.');
  }, 60_000);
  afterAll(() => scope.disposeAsync());

  const waitForMessage = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 20_000);

  const webhook = (salon: LinkedSalon, recordId: number, staff: string, overrides: object = {}) => ({
    company_id: salon.salonId,
    resource: 'record',
    resource_id: recordId,
    status: 'create',
    data: {
      ...template.body({ flags: 'int' }),
      company_id: salon.salonId,
      id: recordId,
      staff: { id: staff.length, name: staff },
    },
    ...overrides,
  });

  const post = async (
    { webhookUrl }: LinkedSalon,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Readonly<Record<string, string>> = json,
  ) => (await fetch(webhookUrl, { method: 'POST', headers, body })).status;

  it('are dead-lettered without affecting other webhooks of the batch or other salons', async () => {
    const [one, other] = salons;
    const valid = [
      ...Array.from({ length: 12 }, (_, n) => [one, webhook(one, 880_100 + n, `Один-${n}.`)] as const),
      ...Array.from({ length: 12 }, (_, n) => [other, webhook(other, 880_200 + n, `Два-${n}.`)] as const),
    ];
    const malformed = ['rec\0ord', 'rec\ud800ord', '\udfff'].map(
      (resource) => [one, webhook(one, 880_300, 'Яд.', { resource })] as const,
    );
    const bodies = [...valid.slice(0, 9), ...malformed, ...valid.slice(9)];
    const statuses = await Promise.all(bodies.map(([salon, body]) => post(salon, JSON.stringify(body))));
    expect(statuses).toEqual(bodies.map(() => 200));
    for (const [, body] of valid) await waitForMessage(body.data.staff.name);
    await waitFor('the dead letters', async () => (await deadLetterCount()) >= malformed.length);
    expect(client.inbox.some(({ text }) => text.includes('Яд.'))).toBe(false);
  }, 60_000);

  it('with invalid characters in names are sanitised and processed', async () => {
    const [salon] = salons;
    const withInvalidCharacters = webhook(salon, 880_400, 'О\0дна\ud800 половина.');
    expect(await post(salon, JSON.stringify(withInvalidCharacters))).toBe(200);
    const { text } = await waitForMessage('половина.');
    expect(text.isWellFormed()).toBe(true);
    expect(text).not.toContain('\0');
    const next = webhook(salon, 880_400, 'Дальше.', { status: 'update' });
    expect(await post(salon, JSON.stringify(next))).toBe(200);
    await waitForMessage('Дальше.');
  });

  it('with an invalid body are rejected and not processed', async () => {
    const [salon] = salons;
    const body = JSON.stringify(webhook(salon, 880_500, 'Отказ.'));
    const before = await deadLetterCount();
    expect(await post(salon, Buffer.from(body), { ...json, 'content-encoding': 'gzip' })).toBe(400);
    expect(await post(salon, Buffer.from(body), { ...json, 'content-encoding': 'br' })).toBe(415);
    expect(await post(salon, body, { 'content-type': 'application/json; charset=windows-1251' })).toBe(415);
    expect(await post(salon, Buffer.from([...Buffer.from(body), 0xff]))).toBe(400);
    expect(await post(salon, body.replace('{', '{"__proto__":{"a":1},'))).toBe(400);
    expect(await deadLetterCount()).toBe(before);
    expect(client.inbox.some(({ text }) => text.includes('Отказ.'))).toBe(false);
  });

  it('do not include bodies with an unusual or missing content type', async () => {
    const [salon] = salons;
    for (const [index, type] of ['application/json; charset=utf-8; v=2', ''].entries()) {
      const body = JSON.stringify(webhook(salon, 880_600 + index, `Тип-${index}.`));
      expect(await post(salon, Buffer.from(body), type === '' ? {} : { 'content-type': type })).toBe(200);
      await waitForMessage(`Тип-${index}.`);
    }
  });

  async function deadLetterCount(): Promise<number> {
    const response = await sendRequest(`${stack.url}/marketplace/dead-letters?queue=webhooks`, {
      headers: { 'x-api-key': adminApiKey },
    });
    return ((await response.json()) as { dead_letters: unknown[] }).dead_letters.length;
  }
});
