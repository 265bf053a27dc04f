import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LinkedSalon, linkSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { startStack, type Stack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { localEngines, stackDatabase } from '../../../support/fixtures/engines.ts';

type MessageView = Readonly<{ status: string; attempts: number }>;

describe.each(localEngines())('a message without ack on $name', (engine) => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salon: LinkedSalon;
  let clientCount = 0;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    const database = await stackDatabase(engine, scope);
    stack = scope.use(await startStack({ environment: { TRUST_PROXY: '1' }, ...database }));
    salon = await linkSalon(stack);
  });
  afterAll(() => scope.disposeAsync());

  it('is resent under the same id after kill -9 and delivered once', async () => {
    const client = silentClient();
    stack.whatsapp.withholdAcks(true);
    const message = await send(client);
    await waitFor('the message', () => receivedBy(client).length === 1);
    await stack.server.kill();
    stack.whatsapp.withholdAcks(false);
    await stack.server.start();
    expect(await waitForStatus(message, 'sent')).toMatchObject({ attempts: 2 });
    expect(receivedBy(client).map(({ duplicate }) => duplicate)).toEqual([false, true]);
    expect(new Set(receivedBy(client).map(({ id }) => id)).size).toBe(1);
    expect(client.inbox).toHaveLength(1);
  }, 60_000);

  it('becomes unknown after three attempts, and a late receipt updates it', async () => {
    const client = silentClient();
    stack.whatsapp.withholdAcks(true);
    const message = await send(client);
    for (const attempt of [1, 2, 3]) {
      await waitFor(`attempt ${attempt}`, () => receivedBy(client).length === attempt, 30_000);
      await stack.server.kill();
      await stack.server.start();
    }
    stack.whatsapp.withholdAcks(false);
    expect(await waitForStatus(message, 'unknown')).toMatchObject({ attempts: 3 });
    expect(new Set(receivedBy(client).map(({ id }) => id)).size).toBe(1);
    expect(client.inbox).toHaveLength(1);

    client.markRead(client.inbox[0]?.id ?? '');
    await waitForStatus(message, 'read');
    expect(receivedBy(client)).toHaveLength(3);
  }, 120_000);

  it('becomes unknown after 30 s and is not resent', async () => {
    const client = silentClient();
    stack.whatsapp.withholdAcks(true);
    const message = await send(client);
    expect(await waitForStatus(message, 'unknown')).toMatchObject({ attempts: 1 });
    stack.whatsapp.withholdAcks(false);
    // A later message shows that the outbox continues.
    const other = silentClient();
    await waitForStatus(await send(other), 'sent');
    expect(receivedBy(client)).toHaveLength(1);
    client.markRead(client.inbox[0]?.id ?? '');
    await waitForStatus(message, 'read');
  }, 90_000);

  /** A phone that sends no delivery receipts. */
  function silentClient(): SimulatedPhone {
    const client = stack.whatsapp.phone(`7900555000${(clientCount += 1)}`);
    client.automaticReceipts.delivered = false;
    return client;
  }

  function receivedBy({ number }: SimulatedPhone) {
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

  async function waitForStatus(id: string, status: string): Promise<MessageView> {
    const headers = { 'x-api-key': salon.apiKey };
    return await waitFor(
      `the message to be ${status}`,
      async () => {
        const response = await sendRequest(`${stack.url}/marketplace/messages/${id}`, { headers });
        const message = (await response.json()) as MessageView;
        return message.status === status ? message : undefined;
      },
      60_000,
    );
  }
});
