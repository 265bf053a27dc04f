import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type LinkedSalon, linkSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, type Stack, startStack } from '../../../../dev-env/network.ts';
import { TcpProxy } from '../../../support/faults/tcp-proxy.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';

type ShownMessage = Readonly<{ id: string; status: string; attempts: number }>;

it('a message that was under way when the line broke reaches the client exactly once', async () => {
  await using scope = new AsyncDisposableStack();
  scope.use(muteLibsignalConsole());
  const line = scope.use(await TcpProxy.start());
  const stack = scope.use(
    await startStack({
      useDatabaseTemplate: true,
      environment: { WHATSAPP_WS_URL: `ws://127.0.0.1:${line.port}/ws/chat` },
    }),
  );
  line.forwardTo(Number(new URL(stack.whatsapp.url).port));
  const client = stack.whatsapp.phone(clientNumber);
  const salon = await linkSalon(stack);
  // Afterwards nothing has to be asked before a message can be written.
  const first = await send(stack, salon, 'Ждём вас завтра!');
  await reaches(stack, salon, first, /delivered/);

  line.dropClientData();
  const second = await send(stack, salon, 'Мастер заболел, позвоните нам.');
  await reaches(stack, salon, second, /sending/);
  await waitFor('the message to be on its way', () => line.droppedBytes > 150);
  line.closeConnections();
  await client.waitForMessage(({ text }) => text.startsWith('Мастер'), 20_000);
  const { attempts } = await reaches(stack, salon, second, /delivered/);

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
  return ((await response.json()) as ShownMessage).id;
}

async function reaches(
  stack: Stack,
  { apiKey }: LinkedSalon,
  id: string,
  status: RegExp,
): Promise<ShownMessage> {
  return await waitFor(
    `message ${id} to be ${status}`,
    async () => {
      const response = await sendRequest(`${stack.url}/marketplace/messages/${id}`, {
        headers: { 'x-api-key': apiKey },
      });
      const message = (await response.json()) as ShownMessage;
      return status.test(message.status) ? message : undefined;
    },
    20_000,
  );
}
