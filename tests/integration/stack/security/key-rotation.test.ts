import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  dateInDays,
  type LinkedSalon,
  linkSalon,
  waitUntilActive,
} from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest, fetchStatus } from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { openTestDatabase } from '../../../../dev-env/test-database.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import { countEncryptedValues } from '../../../support/checkers/encrypted-columns.ts';
import { verifyWebhook } from '../../../support/checkers/webhook-verifier.ts';
import { WebhookReceiver } from '../../../support/servers/webhook-receiver.ts';

const [k1, k2, k3] = ['k1', 'k2', 'k3'].map((id) => `${id}:${randomBytes(32).toString('base64')}`);
const textBefore = 'Можно в среду?';
const textAfter = 'А в пятницу?';

// The procedure of docs/operations.md.
describe('rotation of ENCRYPTION_KEYS', () => {
  it('re-encrypts all values, keeps the session and makes the old key unnecessary', async () => {
    using _muted = muteLibsignalConsole();
    await using stack = await startStack({
      useDatabaseTemplate: true,
      environment: { ENCRYPTION_KEYS: `${k1}` },
    });
    await using receiver = await WebhookReceiver.start();
    const salon = await linkSalon(stack);
    const { salonId, token } = salon;
    const client = stack.whatsapp.phone(clientNumber);
    receiver.respondWith({ status: 500 });
    const secrets = await setOutgoingWebhook(receiver, stack, salon);
    await client.sendText(salon.owner.number, textBefore);
    await waitFor('a rejected delivery', () => receiver.requests.length > 0);
    expect(await metricValue(stack, 'marketplace_values_under_other_keys')).toBe('0');
    const registrations = countRegistrations(stack);

    await restart(stack, `${k2},${k1}`);
    await waitFor(
      'all values to be re-encrypted',
      async () => (await metricValue(stack, 'marketplace_values_under_other_keys')) === '0',
      20_000,
    );
    expect(stack.server.output).toContain('Re-encryption completed: all stored values use the primary key');

    await stack.server.stop();
    const requestsBefore = receiver.requests.length;
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
      const id = await receivedMessageId(text, stack, salon);
      const post = await waitFor(
        `“${text}” to be forwarded`,
        () => receiver.requests.slice(requestsBefore).find(({ headers }) => headers['webhook-id'] === id),
        60_000,
      );
      for (const secret of secrets) {
        expect(await verifyWebhook(secret, post.headers, post.body)).toMatchObject({
          data: { id, phone: `+${clientNumber}`, text },
        });
      }
    }
    expect(countRegistrations(stack)).toBe(registrations);

    await stack.server.stop();
    const [oldKeyCounts = {}, newKeyCounts] = await countValuesByKey(stack, ['k1', 'k2']);
    expect(Object.keys(oldKeyCounts).length).toBeGreaterThan(0);
    expect(Object.entries(oldKeyCounts).filter(([, count]) => count > 0)).toEqual([]);
    expect(newKeyCounts).toMatchObject({
      'company_secrets.api_key': 1,
      'company_secrets.webhook_secret': 1,
      'outgoing_webhooks.previous_secret': 1,
      'outgoing_webhooks.secret': 1,
      'outgoing_webhooks.url': 1,
      'received_messages.content': 2,
    });

    stack.server.reconfigure({ ENCRYPTION_KEYS: `${k3}` });
    await stack.server.start();
    const alertCount = () =>
      metricValue(stack, 'marketplace_whatsapp_alerts_total{cause="credentials_unreadable"}');
    await waitFor('the alert', async () => (await alertCount()) === '1');
    expect((await fetchStatus(stack.url, token)).whatsapp_connected).toBe(false);
    expect(Number(await metricValue(stack, 'marketplace_values_under_other_keys'))).toBeGreaterThan(800);
    await waitFor('a warning', () => stack.server.output.includes('do not remove a key yet'));
    expect(countRegistrations(stack), 'no new identity').toBe(registrations);
  }, 240_000);
});

async function restart(stack: Stack, keys: string): Promise<void> {
  await stack.server.stop();
  stack.server.reconfigure({ ENCRYPTION_KEYS: keys });
  await stack.server.start();
}

/** @returns the signing secrets: the original and the rotated one */
async function setOutgoingWebhook(
  { url }: WebhookReceiver,
  stack: Stack,
  { apiKey }: LinkedSalon,
): Promise<string[]> {
  const address = `${stack.url}/marketplace/outgoing-webhook`;
  const headers = { 'x-api-key': apiKey };
  const responses = [
    await sendRequest(address, { method: 'PUT', headers, body: { url } }),
    await sendRequest(`${address}/secret`, { method: 'POST', headers }),
  ];
  return await Promise.all(
    responses.map(async (response) => {
      expect(response.status).toBe(200);
      return ((await response.json()) as { secret: string }).secret;
    }),
  );
}

async function receivedMessageId(text: string, { url }: Stack, { apiKey }: LinkedSalon): Promise<string> {
  const { id } = await waitFor(`“${text}” to be stored`, async () => {
    const response = await sendRequest(`${url}/marketplace/received-messages`, {
      headers: { 'x-api-key': apiKey },
    });
    expect(response.status).toBe(200);
    const { messages } = (await response.json()) as { messages: { id: string; text: string }[] };
    return messages.find((message) => message.text === text);
  });
  return id;
}

/** The embedded database admits one process, so the server must be stopped. */
async function countValuesByKey({ directory }: Stack, keyIds: readonly string[]) {
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

async function metricValue({ url }: Stack, metric: string): Promise<string | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split('\n')
    .find((line) => line.startsWith(`${metric} `))
    ?.slice(metric.length + 1);
}

function countRegistrations({ whatsapp }: Stack): number {
  return whatsapp.log.filter(({ type }) => type === 'registration').length;
}
