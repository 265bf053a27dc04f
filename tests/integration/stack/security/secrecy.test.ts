import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  dateInDays,
  linkSalon,
  type LinkedSalon,
  waitUntilActive,
} from '../../../../dev-env/clients/linked-salon.ts';
import {
  sendRequest,
  companyIdFromToken,
  ConnectPageClient,
  openRegistration,
  fetchStatus,
} from '../../../../dev-env/clients/test-clients.ts';
import {
  adminApiKey,
  clientNumber,
  ownerNumber,
  startStack,
  type Stack,
} from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const secondSalon = { id: 550_002, title: 'Салон «Лён»', timeZone: 'Europe/Moscow' } as const;
const secondNumber = '79001112277';
const strangerNumber = '79008887766';
const jwtSecret = randomBytes(32).toString('base64url');
const encryptionKey = randomBytes(32);
const directText = 'Ваш мастер заболел, перенесём на среду?';
const replyText = 'Хорошо, среда подходит';

describe('the plaintext that a full run leaves on disk and in its output', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let second: LinkedSalon;
  /** By name. */
  const secrets = new Map<string, string>();
  const messages: string[] = [];
  let metrics = '';

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(
      await startStack({
        useDatabaseTemplate: true,
        environment: {
          TRUST_PROXY: '1',
          LOG_LEVEL: 'debug',
          JWT_SECRET: jwtSecret,
          ENCRYPTION_KEYS: `k1:${encryptionKey.toString('base64')}`,
        },
      }),
    );
    stack.yclients.addSalon(secondSalon);
    const client = stack.whatsapp.phone(clientNumber);
    const first = await linkSalon(stack);
    second = await linkByCode();
    keepSecrets('first', first);
    keepSecrets('second', second);

    await exchangeMessages(first);
    await sendBadRequests(first);
    metrics = await (await fetch(`${stack.url}/metrics`)).text();

    await stack.server.kill();
    await stack.server.start();
    await waitFor(
      'both sessions',
      async () => {
        const [one, two] = await Promise.all([
          fetchStatus(stack.url, first.token),
          fetchStatus(stack.url, second.token),
        ]);
        return one.whatsapp_connected && two.whatsapp_connected;
      },
      20_000,
    );
    await stack.yclients.uninstall(first.salonId);
    await waitFor('the first phone to have no device', () => first.owner.linkedDevices.length === 0);
    for (const { text } of client.inbox) messages.push(text);
    for (const { lid, number } of [first.owner, second.owner, client]) secrets.set(`LID of ${number}`, lid);
  }, 120_000);
  afterAll(() => scope.disposeAsync());

  const linkByCode = async (): Promise<LinkedSalon> => {
    const redirect = stack.yclients.pressConnect(secondSalon.id);
    secrets.set('signature of the redirect', redirect.searchParams.get('user_data_sign') ?? '');
    secrets.set('data of the redirect', redirect.searchParams.get('user_data') ?? '');
    const [token = ''] = await openRegistration(redirect);
    const owner = stack.whatsapp.phone(secondNumber);
    using page = new ConnectPageClient(stack.url, token);
    const { text } = await page.requestQr();
    for (const [part, value] of text.split(',').entries()) {
      if (value.length > 20) secrets.set(`part ${part} of a QR code`, value);
    }
    const { promise, resolve } = Promise.withResolvers<string>();
    page.socket.on('pairing-code', ({ code }: { code: string }) => resolve(code));
    page.socket.emit('request-pairing-code', { phone: '8 (900) 111-22-77' });
    const code = await promise;
    secrets.set('pairing code', code);
    await owner.enterPairingCode(code);
    await waitUntilActive(stack, token);
    const { apiKey = '', webhookUrls } = stack.yclients.salon(secondSalon.id).activation;
    const companyId = companyIdFromToken(token);
    return { salonId: secondSalon.id, companyId, token, owner, webhookUrl: webhookUrls[0] ?? '', apiKey };
  };

  const keepSecrets = (name: string, salon: LinkedSalon): void => {
    secrets.set(`${name} connect token`, salon.token);
    secrets.set(`${name} connect token's signature`, salon.token.split('.')[2] ?? '');
    secrets.set(`${name} API key`, salon.apiKey);
    secrets.set(`${name} webhook secret`, salon.webhookUrl.split('/').at(-1) ?? '');
  };

  const exchangeMessages = async (salon: LinkedSalon): Promise<void> => {
    const client = stack.whatsapp.phone(clientNumber);
    const { id } = stack.yclients.book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66', email: 'anna@example.com' },
      service: 'Стрижка',
      staff: 'Марина',
      start: dateInDays(2, '14:30:00'),
    });
    await client.waitForMessage(({ text }) => text.includes('Вы записаны'), 15_000);
    stack.yclients.cancel(id);
    await client.waitForMessage(({ text }) => text.includes('отменена'), 15_000);
    const sent = await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: { 'x-api-key': salon.apiKey, 'idempotency-key': 'direct-1' },
      body: { phone: '8 (900) 444-55-66', text: directText },
    });
    expect(sent.status).toBe(202);
    const { id: directId } = await client.waitForMessage(({ text }) => text === directText, 15_000);
    client.markRead(directId);
    await setUnreachableWebhook(salon);
    await client.sendText(salon.owner.number, replyText);
    client.forgetSessions();
    await client.sendText(salon.owner.number, replyText);
    messages.push(replyText, directText);
  };

  /** An outgoing webhook with a token in its URL and no receiver behind it. */
  const setUnreachableWebhook = async (salon: LinkedSalon): Promise<void> => {
    const token = randomBytes(16).toString('hex');
    const response = await sendRequest(`${stack.url}/marketplace/outgoing-webhook`, {
      method: 'PUT',
      headers: { 'x-api-key': salon.apiKey },
      body: { url: `http://127.0.0.1:9/hook?token=${token}` },
    });
    const { secret } = (await response.json()) as { secret: string };
    secrets.set('secret of the outgoing webhook', secret);
    secrets.set('token of the outgoing webhook', token);
  };

  /** Error messages and log lines of bad requests must not repeat their content. */
  const sendBadRequests = async (salon: LinkedSalon): Promise<void> => {
    const bearer = { authorization: `Bearer ${salon.token}` };
    const json = { 'x-api-key': salon.apiKey, 'idempotency-key': 'direct-2' };
    await sendRequest(`${stack.url}/marketplace/qr/${salon.token}`);
    await sendRequest(`${stack.url}/marketplace/qr?token=${salon.token}`, { headers: bearer });
    await sendRequest(`${stack.url}/marketplace/nowhere/${salon.token}/${clientNumber}`);
    await sendRequest(`${salon.webhookUrl}/more`, { body: {} });
    await sendRequest(salon.webhookUrl, { body: '{"phone":"+79004445566","text":"' });
    await sendRequest(salon.webhookUrl, { body: { company_id: ownerNumber, text: directText } });
    await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: json,
      body: { phone: directText, text: 1 },
    });
    await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: json,
      body: { phone: `+${strangerNumber}`, text: directText },
    });
    await sendRequest(stack.yclients.pressConnect(secondSalon.id, { signature: 'forged' }));
    await stack.yclients.uninstall(salon.salonId, { partnerToken: 'wrong' });
    stack.yclients.refuse('GET /api/v1/company/*', 500, { times: 3, body: { message: clientNumber } });
    await sendRequest(stack.yclients.pressConnect(secondSalon.id));
    stack.yclients.restore();
    stack.whatsapp.rejectMessages('463');
    await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: { ...json, 'idempotency-key': 'direct-3' },
      body: { phone: `+${clientNumber}`, text: directText },
    });
    await waitFor('a message to be rejected', () =>
      stack.whatsapp.log.some(({ type }) => type === 'message rejected'),
    );
    stack.whatsapp.rejectMessages(undefined);
  };

  const files = (): readonly (readonly [string, Buffer])[] => [
    ['the output', Buffer.from(stack.server.output)],
    ...readFiles(join(stack.directory, 'logs')),
    ...readFiles(join(stack.directory, 'sessions')),
  ];

  it('includes the log and credential files that the checks search', async () => {
    const names = files().map(([name]) => name);
    for (const name of ['marketplace-combined.log', 'marketplace-error.log', 'credentials.sqlite']) {
      expect(
        names.some((path) => path.endsWith(name)),
        name,
      ).toBe(true);
    }
    expect(stack.server.output).toContain('"Message send started"');
    await fetch(`${stack.url}/health/live`);
    await waitFor('a debug line', () => stack.server.output.includes('"level":"debug"'));
    expect(messages.length).toBeGreaterThan(4);
  });

  it.each([ownerNumber, clientNumber, secondNumber, strangerNumber])(
    'contains no phone number: %s',
    (number) => {
      const national = number.slice(1);
      const [area, a, b, c] = [
        national.slice(0, 3),
        national.slice(3, 6),
        national.slice(6, 8),
        national.slice(8),
      ];
      const spellings = [
        national,
        `${area}) ${a}-${b}-${c}`,
        `${area} ${a}-${b}-${c}`,
        `${area} ${a} ${b} ${c}`,
        `${area}-${a}-${b}-${c}`,
        Buffer.from(number).toString('base64').slice(0, 12),
      ];
      expect(findTraces(files(), spellings)).toEqual([]);
    },
  );

  it('contains no message text', () => {
    const lines = messages.flatMap((text) => text.split('\n')).filter((line) => line.length > 8);
    expect(
      findTraces(files(), [...lines, ...lines.map((line) => JSON.stringify(line).slice(1, -1))]),
    ).toEqual([]);
  });

  it('contains no token, key, pairing code or LID', () => {
    secrets.set('admin key', adminApiKey);
    secrets.set('partner token', stack.yclients.credentials.partnerToken);
    secrets.set('user token', stack.yclients.credentials.userToken);
    secrets.set('JWT secret', jwtSecret);
    secrets.set('encryption key', encryptionKey.toString('base64'));
    for (const [name, secret] of secrets) {
      expect(secret.length, name).toBeGreaterThan(7);
      expect(
        findTraces(files(), [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')]),
        name,
      ).toEqual([]);
    }
  });

  it('contains no private key, in any form that a library prints', () => {
    const dumps = ['<Buffer', 'privKey', 'noiseKey', 'signedIdentityKey', 'advSecret', 'rootKey', 'chainKey'];
    expect(
      findTraces(files(), [...dumps, '"type":"Buffer"', 'SessionEntry', 'PRIVATE KEY', 'eyJhbGciOi']),
    ).toEqual([]);
  });

  it('contains no secret of a company in the database', () => {
    const kept = [...secrets].filter(([name]) =>
      /API key|webhook secret|connect token|outgoing webhook/.test(name),
    );
    expect(kept.length).toBeGreaterThan(8);
    const database = readFiles(join(stack.directory, 'data', 'pg'));
    expect(database.length).toBeGreaterThan(100);
    for (const [name, secret] of kept) expect(findTraces(database, [secret]), name).toEqual([]);
  });

  it('contains no received message in the database', () => {
    expect(stack.server.output).toContain('"Message received"');
    expect(stack.server.output).toContain('Connection to the receiver failed');
    expect(findTraces(readFiles(join(stack.directory, 'data', 'pg')), [replyText])).toEqual([]);
  });

  it('contains no secret and no company label in the metrics', () => {
    expect(metrics).toMatch(/^marketplace_whatsapp_connections\{status="connected"\} 2$/m);
    expect(metrics).toMatch(/^marketplace_qr_generations_total [1-9]/m);
    expect(metrics).toMatch(
      /^marketplace_http_request_duration_seconds_count\{method="POST",route="\/marketplace\/webhook\/:companyId\/:secret",status="200"\} [1-9]/m,
    );
    expect(metrics).not.toMatch(/company_?id=|salon_?id=/i);
    expect(findTraces([['the metrics', Buffer.from(metrics)]], [...secrets.values()])).toEqual([]);
  });
});

function readFiles(directory: string): [string, Buffer][] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path)]);
}

/** @returns the places that contain one of `needles`, with the surrounding text */
function findTraces(places: readonly (readonly [string, Buffer])[], needles: readonly string[]): string[] {
  return places.flatMap(([place, bytes]) =>
    needles.flatMap((needle) => {
      const at = bytes.indexOf(needle);
      return at === -1 ? [] : [`${place}: …${bytes.subarray(Math.max(0, at - 200), at + 100).toString()}…`];
    }),
  );
}
