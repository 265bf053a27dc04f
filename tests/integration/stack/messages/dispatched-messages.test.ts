import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LinkedSalon, linkSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { localEngines, stackDatabase } from '../../../support/fixtures/engines.ts';
import { startStack, type Stack } from '../../../../dev-env/network.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';

type ShownMessage = Readonly<{ status: string; attempts: number }>;

describe.each(localEngines())('a message that WhatsApp took without a word, on $name', (engine) => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salon: LinkedSalon;
  let clients = 0;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    const database = await stackDatabase(engine, scope);
    stack = scope.use(await startStack({ environment: { TRUST_PROXY: '1' }, ...database }));
    salon = await linkSalon(stack);
  });
  afterAll(() => scope.disposeAsync());

  it('before kill -9 is given to it again under the same id, and seen once', async () => {
    const client = silentClient();
    stack.whatsapp.withholdAcks(true);
    const message = await send(client);
    await waitFor('WhatsApp to take it', () => taken(client).length === 1);
    await stack.server.kill();
    stack.whatsapp.withholdAcks(false);
    await stack.server.start();
    expect(await reaches(message, 'sent')).toMatchObject({ attempts: 2 });
    expect(taken(client).map(({ duplicate }) => duplicate)).toEqual([false, true]);
    expect(new Set(taken(client).map(({ id }) => id)).size).toBe(1);
    expect(client.inbox).toHaveLength(1);
  }, 60_000);

  it('before every kill -9 is unknown in the end, and a late receipt still settles it', async () => {
    const client = silentClient();
    stack.whatsapp.withholdAcks(true);
    const message = await send(client);
    for (const times of [1, 2, 3]) {
      await waitFor(`WhatsApp to take it ${times} times`, () => taken(client).length === times, 30_000);
      await stack.server.kill();
      await stack.server.start();
    }
    stack.whatsapp.withholdAcks(false);
    expect(await reaches(message, 'unknown')).toMatchObject({ attempts: 3 });
    expect(new Set(taken(client).map(({ id }) => id)).size).toBe(1);
    expect(client.inbox).toHaveLength(1);

    client.markRead(client.inbox[0]?.id ?? '');
    await reaches(message, 'read');
    expect(taken(client)).toHaveLength(3);
  }, 120_000);

  it('for half a minute is unknown and not sent again', async () => {
    const client = silentClient();
    stack.whatsapp.withholdAcks(true);
    const message = await send(client);
    expect(await reaches(message, 'unknown')).toMatchObject({ attempts: 1 });
    stack.whatsapp.withholdAcks(false);
    // Somebody else's message shows that the outbox goes on.
    const other = silentClient();
    await reaches(await send(other), 'sent');
    expect(taken(client)).toHaveLength(1);
    client.markRead(client.inbox[0]?.id ?? '');
    await reaches(message, 'read');
  }, 90_000);

  /** A phone that tells nobody that it has a message. */
  function silentClient(): SimulatedPhone {
    const client = stack.whatsapp.phone(`7900555000${(clients += 1)}`);
    client.automaticReceipts.delivered = false;
    return client;
  }

  function taken({ number }: SimulatedPhone) {
    return stack.whatsapp.log.filter((event) => event.type === 'message').filter(({ to }) => to === number);
  }

  async function send({ number }: SimulatedPhone): Promise<string> {
    const response = await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: { 'x-api-key': salon.apiKey, 'idempotency-key': randomUUID() },
      body: { phone: number, text: 'Ждём вас завтра!' },
    });
    expect(response.status).toBe(202);
    return ((await response.json()) as { id: string }).id;
  }

  async function reaches(id: string, status: string): Promise<ShownMessage> {
    const headers = { 'x-api-key': salon.apiKey };
    return await waitFor(
      `the message to be ${status}`,
      async () => {
        const response = await sendRequest(`${stack.url}/marketplace/messages/${id}`, { headers });
        const message = (await response.json()) as ShownMessage;
        return message.status === status ? message : undefined;
      },
      60_000,
    );
  }
});
