import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import {
  dateInDays,
  type LinkedSalon,
  linkSalon,
  waitUntilActive,
} from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest, fetchStatus } from '../../../../dev-env/clients/test-clients.ts';
import { countEncryptedValues } from '../../../support/checkers/encrypted-columns.ts';
import { clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { openTestDatabase } from '../../../../dev-env/test-database.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WebhookReceiver } from '../../../support/servers/webhook-receiver.ts';
import { verifyWebhook } from '../../../support/checkers/webhook-verifier.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';

const [k1, k2, k3] = ['k1', 'k2', 'k3'].map((id) => `${id}:${randomBytes(32).toString('base64')}`);
const textBefore = 'Можно в среду?';
const textAfter = 'А в пятницу?';

describe('ENCRYPTION_KEYS', () => {
  it('is changed as the operations guide says: the salon stays linked, what clients wrote is forwarded, and the old key is not needed any more', async () => {
    using _quiet = muteLibsignalConsole();
    await using stack = await startStack({
      useDatabaseTemplate: true,
      environment: { ENCRYPTION_KEYS: `${k1}` },
    });
    await using receiver = await WebhookReceiver.start();
    const salon = await linkSalon(stack);
    const { salonId, token } = salon;
    const client = stack.whatsapp.phone(clientNumber);
    receiver.respondWith({ status: 500 });
    const secrets = await forwardTo(receiver, stack, salon);
    await client.sendText(salon.owner.number, textBefore);
    await waitFor('a refused post', () => receiver.requests.length > 0);
    expect(await valueOf(stack, 'marketplace_values_under_other_keys')).toBe('0');
    const registrations = registrationsAt(stack);

    await restart(stack, `${k2},${k1}`);
    await waitFor(
      'nothing to be under the old key',
      async () => (await valueOf(stack, 'marketplace_values_under_other_keys')) === '0',
      20_000,
    );
    expect(stack.server.output).toContain('Re-encryption completed: all stored values use the primary key');

    await stack.server.stop();
    const posts = receiver.requests.length;
    receiver.respondWith({ status: 204 });
    stack.server.reconfigure({ ENCRYPTION_KEYS: `${k2}` });
    await stack.server.start();
    await waitUntilActive(stack, token);
    stack.yclients.book(salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff: 'Мария',
      start: dateInDays(2, '14:30:00'),
    });
    await client.waitForMessage(({ text }) => text.includes('Стрижка'), 15_000);
    await client.sendText(salon.owner.number, textAfter);
    for (const text of [textBefore, textAfter]) {
      const id = await idOf(text, stack, salon);
      const post = await waitFor(
        `“${text}” to be forwarded`,
        () => receiver.requests.slice(posts).find(({ headers }) => headers['webhook-id'] === id),
        60_000,
      );
      for (const secret of secrets) {
        expect(await verifyWebhook(secret, post.headers, post.body)).toMatchObject({
          data: { id, phone: `+${clientNumber}`, text },
        });
      }
    }
    expect(registrationsAt(stack)).toBe(registrations);

    await stack.server.stop();
    const [underFirst = {}, underSecond] = await columnsUnder(stack, ['k1', 'k2']);
    expect(Object.keys(underFirst).length).toBeGreaterThan(0);
    expect(Object.entries(underFirst).filter(([, count]) => count > 0)).toEqual([]);
    expect(underSecond).toMatchObject({
      'company_secrets.api_key': 1,
      'company_secrets.webhook_secret': 1,
      'outgoing_webhooks.previous_secret': 1,
      'outgoing_webhooks.secret': 1,
      'outgoing_webhooks.url': 1,
      'received_messages.content': 2,
    });

    stack.server.reconfigure({ ENCRYPTION_KEYS: `${k3}` });
    await stack.server.start();
    const alerts = () => valueOf(stack, 'marketplace_whatsapp_alerts_total{cause="credentials_unreadable"}');
    await waitFor('the alert', async () => (await alerts()) === '1');
    expect((await fetchStatus(stack.url, token)).whatsapp_connected).toBe(false);
    expect(Number(await valueOf(stack, 'marketplace_values_under_other_keys'))).toBeGreaterThan(800);
    await waitFor('a warning', () => stack.server.output.includes('do not remove a key yet'));
    expect(registrationsAt(stack), 'no new identity').toBe(registrations);
  }, 240_000);
});

async function restart(stack: Stack, keys: string): Promise<void> {
  await stack.server.stop();
  stack.server.reconfigure({ ENCRYPTION_KEYS: keys });
  await stack.server.start();
}

/** @returns the secrets that sign: the first one, and the one that takes its place */
async function forwardTo({ url }: WebhookReceiver, stack: Stack, { apiKey }: LinkedSalon): Promise<string[]> {
  const address = `${stack.url}/marketplace/outgoing-webhook`;
  const headers = { 'x-api-key': apiKey };
  const answers = [
    await sendRequest(address, { method: 'PUT', headers, body: { url } }),
    await sendRequest(`${address}/secret`, { method: 'POST', headers }),
  ];
  return await Promise.all(
    answers.map(async (answer) => {
      expect(answer.status).toBe(200);
      return ((await answer.json()) as { secret: string }).secret;
    }),
  );
}

async function idOf(text: string, { url }: Stack, { apiKey }: LinkedSalon): Promise<string> {
  const { id } = await waitFor(`“${text}” to be kept`, async () => {
    const answer = await sendRequest(`${url}/marketplace/received-messages`, {
      headers: { 'x-api-key': apiKey },
    });
    expect(answer.status).toBe(200);
    const { messages } = (await answer.json()) as { messages: { id: string; text: string }[] };
    return messages.find((message) => message.text === text);
  });
  return id;
}

/** While the server does not run. */
async function columnsUnder({ directory }: Stack, keyIds: readonly string[]) {
  await using database = await openTestDatabase({
    kind: 'embedded',
    directory: join(directory, 'data', 'pg'),
  });
  const counts = [];
  for (const id of keyIds) {
    const { currentKeyPrefix } = new Keyring([{ id, key: randomBytes(32) }]);
    counts.push(await countEncryptedValues(database.sql, currentKeyPrefix));
  }
  return counts;
}

async function valueOf({ url }: Stack, metric: string): Promise<string | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split('\n')
    .find((line) => line.startsWith(`${metric} `))
    ?.slice(metric.length + 1);
}

function registrationsAt({ whatsapp }: Stack): number {
  return whatsapp.log.filter(({ type }) => type === 'registration').length;
}
