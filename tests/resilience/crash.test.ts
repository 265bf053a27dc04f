import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  dateInDays,
  linkSalon,
  type LinkedSalon,
  waitUntilActive,
} from '../../dev-env/clients/linked-salon.ts';
import {
  sendRequest,
  ConnectPageClient,
  openRegistration,
  fetchStatus,
} from '../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { waitFor } from '../../dev-env/wait-for.ts';
import { localEngines, pglite, stackDatabase } from '../support/fixtures/engines.ts';
import { crashRounds } from './sizes.ts';

const maxKillDelayMs = 120;
const maxRestoreMs = 5_000;

describe.each(localEngines())('a server killed by SIGKILL, on $name', (engine) => {
  // On Postgres a job in flight waits until its dead process has missed its heartbeats.
  const rounds = Math.min(crashRounds, engine === pglite ? 10 : 5);
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salon: LinkedSalon;
  let client: SimulatedPhone;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    const database = await stackDatabase(engine, scope);
    stack = scope.use(await startStack({ environment: { TRUST_PROXY: '1' }, ...database }));
    client = stack.whatsapp.phone(clientNumber);
    salon = await linkSalon(stack);
  });
  afterAll(() => scope.disposeAsync());

  const messagesWith = (word: string) => client.inbox.filter(({ text }) => text.includes(word));

  const bookVisit = (staff: string) =>
    stack.yclients.book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff,
      start: dateInDays(2, '14:30:00'),
    });

  const book = async (staff: string): Promise<void> => {
    bookVisit(staff);
    await stack.yclients.waitForWebhooks();
    expect(stack.yclients.deliveries.at(-1)?.status).toBe(200);
  };

  const restart = async (): Promise<number> => {
    const startedMs = performance.now();
    await stack.server.start();
    await waitFor(
      'the session',
      async () => (await fetchStatus(stack.url, salon.token)).whatsapp_connected,
      30_000,
    );
    return performance.now() - startedMs;
  };

  it('sends the message of a webhook acknowledged right before the kill, once', async () => {
    stack.whatsapp.freeze(salon.owner);
    await book('Первая');
    await stack.server.kill();
    expect(messagesWith('Первая')).toHaveLength(0);
    stack.whatsapp.unfreeze(salon.owner);
    await restart();
    await client.waitForMessage(({ text }) => text.includes('Первая'), 30_000);
  });

  it(`loses and repeats nothing in ${rounds} kills at random moments after the 200`, async () => {
    const words = Array.from({ length: rounds }, (_, round) => `Раунд-${round}.`);
    for (const word of words) {
      await book(word);
      await delay(Math.random() * maxKillDelayMs);
      await stack.server.kill();
      await restart();
      await client.waitForMessage(({ text }) => text.includes(word), 45_000);
    }
    await book('Последняя');
    await client.waitForMessage(({ text }) => text.includes('Последняя'), 15_000);
    for (const word of [...words, 'Первая', 'Последняя']) expect(messagesWith(word), word).toHaveLength(1);
  }, 300_000);

  it(`restores its session within ${maxRestoreMs} ms with the same device and no QR code`, async () => {
    const devices = [...salon.owner.linkedDevices];
    const pairings = stack.whatsapp.log.filter(({ type }) => type === 'paired' || type === 'registration');
    const durationsMs: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      await stack.server.kill();
      durationsMs.push(Math.round(await restart()));
    }
    console.log(`Session back after kill -9: ${durationsMs.join(', ')} ms`);
    expect(stack.whatsapp.log.filter(({ type }) => type === 'paired' || type === 'registration')).toEqual(
      pairings,
    );
    expect(salon.owner.linkedDevices).toEqual(devices);
    // The minimum, because other load on the machine only adds time.
    expect(Math.min(...durationsMs)).toBeLessThan(maxRestoreMs);
  }, 60_000);

  it('pairs again after a kill while a QR code was shown', async () => {
    stack.yclients.addSalon({ id: 510_101, title: 'Салон «Астра»', timeZone: 'Europe/Moscow' });
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(510_101));
    const owner = stack.whatsapp.phone('79001112201');
    {
      using page = new ConnectPageClient(stack.url, token);
      await page.requestQr();
      await stack.server.kill();
    }
    await restart();
    expect(await fetchStatus(stack.url, token)).toMatchObject({ session_state: 'idle' });
    using page = new ConnectPageClient(stack.url, token);
    await owner.scan((await page.requestQr()).text);
    await waitUntilActive(stack, token);
    expect(owner.linkedDevices).toHaveLength(1);
  }, 60_000);

  it('ends linked after a kill right after the scan, before or after the credentials were stored', async () => {
    stack.yclients.addSalon({ id: 510_102, title: 'Салон «Мята»', timeZone: 'Europe/Moscow' });
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(510_102));
    const owner = stack.whatsapp.phone('79001112202');
    {
      using page = new ConnectPageClient(stack.url, token);
      await owner.scan((await page.requestQr()).text);
      await stack.server.kill();
    }
    await restart();
    const settled = await waitFor('the session to settle', async () => {
      const status = await fetchStatus(stack.url, token);
      return ['connecting', 'reconnecting'].includes(status.session_state) ? undefined : status;
    });
    if (!settled.whatsapp_connected) {
      using page = new ConnectPageClient(stack.url, token);
      await owner.scan((await page.requestQr()).text);
    }
    await waitUntilActive(stack, token);
    expect(await fetchStatus(stack.url, token)).toMatchObject({ whatsapp_phone: '+79001112202' });
  }, 60_000);

  it('exits with 0 on SIGTERM during webhooks and sends a message for each acknowledged one', async () => {
    const visits = 40;
    const template = bookVisit('Образец.').body({ flags: 'int' });
    const post = async (n: number): Promise<string | undefined> => {
      const staff = `Поток-${n}.`;
      const data = { ...template, id: 990_000 + n, staff: { ...template.staff, name: staff } };
      const body = {
        company_id: salon.salonId,
        resource: 'record',
        resource_id: data.id,
        status: 'create',
        data,
      };
      try {
        const { status } = await sendRequest(salon.webhookUrl, { body });
        return status === 200 ? staff : undefined;
      } catch {
        return undefined;
      }
    };
    const posting = Array.from({ length: visits }, async (_, n) => {
      await delay(n * 5);
      return await post(n);
    });
    await delay(visits * 2.5);
    expect(await stack.server.stop('SIGTERM')).toBe(0);
    const acknowledged = (await Promise.all(posting)).filter((staff) => staff !== undefined);
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.length).toBeLessThan(visits);

    await restart();
    for (const staff of acknowledged) {
      await client.waitForMessage(({ text }) => text.includes(staff), 30_000);
    }
    for (const staff of acknowledged) expect(messagesWith(staff), staff).toHaveLength(1);
  }, 90_000);
});
