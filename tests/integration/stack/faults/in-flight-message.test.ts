import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type LinkedSalon, linkSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, type Stack, startStack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { TcpProxy } from '../../../support/faults/tcp-proxy.ts';

type MessageView = Readonly<{ id: string; status: string; attempts: number }>;

it('a message in flight when the connection breaks reaches the client exactly once', async () => {
  await using scope = new AsyncDisposableStack();
  scope.use(muteLibsignalConsole());
  const proxy = scope.use(await TcpProxy.start());
  const stack = scope.use(
    await startStack({
      useDatabaseTemplate: true,
      environment: { WHATSAPP_WS_URL: `ws://127.0.0.1:${proxy.port}/ws/chat` },
    }),
  );
  proxy.forwardTo(Number(new URL(stack.whatsapp.url).port));
  const client = stack.whatsapp.phone(clientNumber);
  const salon = await linkSalon(stack);
  // The first message has fetched the client's keys, so that the second is written without further queries.
  const first = await send(stack, salon, 'Ждём вас завтра!');
  await waitForStatus(stack, salon, first, /delivered/);

  proxy.dropClientData();
  const second = await send(stack, salon, 'Мастер заболел, позвоните нам.');
  await waitForStatus(stack, salon, second, /sending/);
  await waitFor('the message to be written to the socket', () => proxy.droppedBytes > 150);
  proxy.closeConnections();
  await client.waitForMessage(({ text }) => text.startsWith('Мастер'), 20_000);
  const { attempts } = await waitForStatus(stack, salon, second, /delivered/);

  expect(attempts).toBe(2);
  expect(client.inbox.filter(({ text }) => text.startsWith('Мастер'))).toHaveLength(1);
  expect(client.inbox).toHaveLength(2);
}, 60_000);

async function send(stack: Stack, { apiKey }: LinkedSalon, text: string): Promise<string> {
  const response = await sendRequest(`${stack.url}/marketplace/messages`, {
    headers: { 'x-api-key': apiKey, 'idempotency-key': randomUUID() },
    body: { phone: clientNumber, text },
  });
  expect(response.status).toBe(202);
  return ((await response.json()) as MessageView).id;
}

async function waitForStatus(
  stack: Stack,
  { apiKey }: LinkedSalon,
  id: string,
  status: RegExp,
): Promise<MessageView> {
  return await waitFor(
    `message ${id} to be ${status}`,
    async () => {
      const response = await sendRequest(`${stack.url}/marketplace/messages/${id}`, {
        headers: { 'x-api-key': apiKey },
      });
      const message = (await response.json()) as MessageView;
      return status.test(message.status) ? message : undefined;
    },
    20_000,
  );
}
