import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  dateInDays,
  linkSalon,
  type LinkedSalon,
  waitUntilActive,
} from '../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../dev-env/network.ts';
import { PostgresServer } from '../../dev-env/postgres-server.ts';
import { muteLibsignalConsole } from '../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { waitFor } from '../../dev-env/wait-for.ts';
import { TcpProxy } from '../support/faults/tcp-proxy.ts';

describe('kill -9 around the commit of a webhook', () => {
  const scope = new AsyncDisposableStack();
  let proxy: TcpProxy;
  let database: Client;
  let stack: Stack;
  let salon: LinkedSalon;
  let client: SimulatedPhone;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    const postgres = scope.use(await PostgresServer.start());
    const url = new URL(await postgres.createDatabase());
    database = new Client({ connectionString: url.href });
    await database.connect();
    scope.defer(() => database.end());
    proxy = scope.use(await TcpProxy.start());
    proxy.forwardTo(Number(url.port));
    url.port = String(proxy.port);
    stack = scope.use(await startStack({ databaseUrl: url.href, environment: { TRUST_PROXY: '1' } }));
    client = stack.whatsapp.phone(clientNumber);
    salon = await linkSalon(stack);
  }, 60_000);
  afterAll(() => scope.disposeAsync());
  // Warms the caches, so that the webhook's write is the server's next query.
  beforeEach(() => waitForNotification('Разогрев.'));

  const book = (staff: string) =>
    stack.yclients.book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff,
      start: dateInDays(2, '14:30:00'),
    });
  const arrived = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 30_000);
  const copies = (word: string): number => client.inbox.filter(({ text }) => text.includes(word)).length;

  async function waitForNotification(staff: string): Promise<void> {
    book(staff);
    await arrived(staff);
  }

  async function jobsAbout(recordId: number): Promise<number> {
    const { rows } = await database.query<{ jobs: number }>(
      `select count(*)::int as jobs from pgboss.job where name = 'webhooks' and data ->> 'resourceId' = $1`,
      [String(recordId)],
    );
    return rows[0]?.jobs ?? 0;
  }

  async function restart(): Promise<void> {
    await stack.server.kill();
    proxy.closeConnections();
    await stack.server.start();
    await waitUntilActive(stack, salon.token, 45_000);
  }

  it('before the commit: no acknowledgement, no row; found after a restart (fault 1)', async () => {
    proxy.dropClientData();
    const before = proxy.droppedBytes;
    const { id } = book('До записи.');
    await waitFor('the insert to be sent', () => proxy.droppedBytes > before + 1_000, 5_000);
    await stack.server.kill();
    await stack.yclients.waitForWebhooks();
    expect(stack.yclients.deliveries.at(-1)?.status).not.toBe(200);
    expect(await jobsAbout(id)).toBe(0);
    await restart();
    await arrived('До записи.');
    await waitForNotification('После первой.');
    expect(copies('До записи.')).toBe(1);
  }, 90_000);

  it('after the commit, before the 200: the row exists, a repeat has no effect (fault 2)', async () => {
    const template = book('Образец.').body({ flags: 'int' });
    await arrived('Образец.');
    const recordId = 997_001;
    const body = {
      company_id: salon.salonId,
      resource: 'record',
      resource_id: recordId,
      status: 'create',
      data: { ...template, id: recordId, staff: { id: 7, name: 'После записи.' } },
    };
    proxy.dropResponses();
    const responded = sendRequest(salon.webhookUrl, { body }).then(
      ({ status }) => status,
      () => 'no response',
    );
    await waitFor('the row', async () => (await jobsAbout(recordId)) === 1, 1_400);
    await restart();
    expect(await responded).toBe('no response');
    expect((await sendRequest(salon.webhookUrl, { body })).status).toBe(200);
    await arrived('После записи.');
    await waitForNotification('После второй.');
    expect(await jobsAbout(recordId)).toBe(1);
    expect(copies('После записи.')).toBe(1);
  }, 90_000);
});
