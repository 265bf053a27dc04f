import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkSalon, type LinkedSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { verifyWebhook } from '../../../support/checkers/webhook-verifier.ts';
import { localEngines, stackDatabase } from '../../../support/fixtures/engines.ts';
import { WebhookReceiver } from '../../../support/servers/webhook-receiver.ts';

type ReceivedView = Readonly<{ id: string; phone: string; text: string; sent_at: string }>;
type WebhookView = Readonly<{ url: string; enabled: boolean; failing_since: string | null; secret?: string }>;

describe.each(localEngines())('received messages on $name', (engine) => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salon: LinkedSalon;
  let client: SimulatedPhone;
  let receiver: WebhookReceiver;
  let secret = '';

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack(await stackDatabase(engine, scope)));
    client = stack.whatsapp.phone(clientNumber);
    salon = await linkSalon(stack);
    receiver = await WebhookReceiver.start();
    scope.defer(() => receiver[Symbol.asyncDispose]());
  }, 60_000);
  afterAll(() => scope.disposeAsync());

  const call = (path: string, method = 'GET', body?: unknown): Promise<Response> =>
    sendRequest(`${stack.url}/marketplace/${path}`, {
      method,
      headers: { 'x-api-key': salon.apiKey },
      ...(body !== undefined && { body }),
    });
  const webhook = async (method = 'GET', body?: unknown): Promise<WebhookView> => {
    const response = await call('outgoing-webhook', method, body);
    expect(response.status).toBe(200);
    return (await response.json()) as WebhookView;
  };
  const readAfter = async (after = '0'): Promise<Readonly<{ messages: ReceivedView[]; next: string }>> => {
    const response = await call(`received-messages?after=${after}`);
    expect(response.status).toBe(200);
    return (await response.json()) as { messages: ReceivedView[]; next: string };
  };
  const waitUntilStored = (text: string) =>
    waitFor(`“${text}” to be stored`, async () =>
      (await readAfter()).messages.find((message) => message.text === text),
    );
  const waitForPost = (id: string) =>
    waitFor('the post', () => receiver.requests.find(({ headers }) => headers['webhook-id'] === id), 30_000);

  it('are listed for the salon and stay unread on its phone', async () => {
    await client.sendText(salon.owner.number, 'Здравствуйте!');
    await client.sendText(salon.owner.number, 'Есть окно в среду?');
    await waitUntilStored('Есть окно в среду?');
    const { messages, next } = await readAfter();
    expect(messages).toMatchObject([
      { phone: `+${clientNumber}`, text: 'Здравствуйте!' },
      { phone: `+${clientNumber}`, text: 'Есть окно в среду?' },
    ]);
    expect(await readAfter(next)).toMatchObject({ messages: [], next });
    expect(stack.whatsapp.log.filter((event) => event.type === 'receipt' && event.kind === 'read')).toEqual(
      [],
    );
  });

  it('reject private webhook URLs and wrong API keys', async () => {
    for (const url of [
      'https://10.0.0.1/',
      'http://169.254.169.254/',
      'https://user:pass@salon.example/',
      'x',
    ])
      expect((await call('outgoing-webhook', 'PUT', { url })).status).toBe(400);
    expect((await call('outgoing-webhook')).status).toBe(404);
    expect((await call('outgoing-webhook/secret', 'POST')).status).toBe(404);
    expect((await call('received-messages?after=-1')).status).toBe(400);
    expect((await call('received-messages?limit=201')).status).toBe(400);
    for (const path of ['outgoing-webhook', 'received-messages']) {
      const headers = { 'x-api-key': 'wrong' };
      expect((await sendRequest(`${stack.url}/marketplace/${path}`, { headers })).status).toBe(401);
    }
  });

  it('are posted with a valid signature; the secret is returned once', async () => {
    const set = await webhook('PUT', { url: receiver.url });
    secret = set.secret ?? '';
    expect(secret).toMatch(/^whsec_/);
    expect(await webhook()).toMatchObject({ url: receiver.url, enabled: true });
    expect(await webhook()).not.toHaveProperty('secret');
    expect(await webhook('PUT', { url: receiver.url })).not.toHaveProperty('secret');

    await client.sendText(salon.owner.number, 'А в пятницу?');
    const message = await waitUntilStored('А в пятницу?');
    const { headers, body } = await waitForPost(message.id);
    expect(await verifyWebhook(secret, headers, body)).toMatchObject({
      type: 'message.received',
      data: { id: message.id, phone: `+${clientNumber}`, text: 'А в пятницу?', sent_at: message.sent_at },
    });
  });

  it('are signed with both secrets after a rotation', async () => {
    const response = await call('outgoing-webhook/secret', 'POST');
    const rotated = ((await response.json()) as WebhookView).secret ?? '';
    expect(rotated).not.toBe(secret);
    await client.sendText(salon.owner.number, 'А в субботу?');
    const { headers, body } = await waitForPost((await waitUntilStored('А в субботу?')).id);
    for (const one of [secret, rotated]) await verifyWebhook(one, headers, body);
  });

  it('are forwarded after an outage of the receiver and kill -9', async () => {
    const { port } = receiver;
    await receiver[Symbol.asyncDispose]();
    await client.sendText(salon.owner.number, 'Вы работаете завтра?');
    const { id } = await waitUntilStored('Вы работаете завтра?');
    await stack.server.kill();
    receiver = await WebhookReceiver.start(port);
    expect(receiver.requests).toEqual([]);
    await stack.server.start();
    const { headers, body } = await waitForPost(id);
    expect(await verifyWebhook(secret, headers, body)).toMatchObject({
      data: { id, text: 'Вы работаете завтра?' },
    });
    expect((await readAfter()).messages.filter((message) => message.id === id)).toHaveLength(1);
  }, 60_000);

  it('are no longer forwarded after 410 but still listed', async () => {
    receiver.respondWith({ status: 410 });
    await client.sendText(salon.owner.number, 'Спасибо');
    await waitForPost((await waitUntilStored('Спасибо')).id);
    await waitFor('the webhook to be disabled', async () => !(await webhook()).enabled);
    const postCount = receiver.requests.length;
    await client.sendText(salon.owner.number, 'До встречи');
    await waitUntilStored('До встречи');
    await waitFor('the log line', () => stack.server.output.includes('Outgoing webhook disabled'));
    expect(receiver.requests).toHaveLength(postCount);
  });

  it('are deleted with the webhook on uninstallation', async () => {
    await stack.yclients.uninstall(salon.salonId);
    await waitFor('the phone to have no device', () => salon.owner.linkedDevices.length === 0);
    const response = await call('received-messages');
    const remaining =
      response.status === 200 ? ((await response.json()) as { messages: unknown[] }).messages : [];
    expect(remaining).toEqual([]);
    expect((await call('outgoing-webhook')).status).not.toBe(200);
  });

  it('leave no phone, text, URL or secret in the log', () => {
    expect(stack.server.output).toContain('"Message received"');
    for (const hidden of [clientNumber.slice(1), 'пятницу', receiver.url, secret])
      expect(stack.server.output).not.toContain(hidden);
  });
});
