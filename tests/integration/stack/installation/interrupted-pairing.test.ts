import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntilActive } from '../../../../dev-env/clients/linked-salon.ts';
import {
  sendRequest,
  ConnectPageClient,
  openRegistration,
  fetchStatus,
} from '../../../../dev-env/clients/test-clients.ts';
import { startStack, type Stack } from '../../../../dev-env/network.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';

/** Between the scan and WhatsApp's order to restart: room for a kill. */
const restartAfterMs = 1_500;

describe('a server that is killed in the middle of a link', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salons = 570_000;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(
      await startStack({
        useDatabaseTemplate: true,
        environment: { TRUST_PROXY: '1' },
        whatsapp: { closeDelayMs: restartAfterMs },
      }),
    );
  });
  afterAll(() => scope.disposeAsync());

  const newSalon = async (): Promise<string> => {
    salons += 1;
    stack.yclients.addSalon({ id: salons, title: `Салон ${salons}`, timeZone: 'Europe/Moscow' });
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(salons));
    return token;
  };
  const of = (number: string, type: 'login' | 'login refused') =>
    stack.whatsapp.log.filter((event) => event.type === type && event.number === number).length;
  const settled = (token: string) =>
    waitFor(
      'the session to settle',
      async () => {
        const status = await fetchStatus(stack.url, token);
        return ['connecting', 'reconnecting'].includes(status.session_state) ? undefined : status;
      },
      20_000,
    );

  it('between the request for a pairing code and the link never logs in with the half of it, and links by the next code', async () => {
    const token = await newSalon();
    const owner = stack.whatsapp.phone('79001117701');
    const askForCode = async (): Promise<string> => {
      const response = await sendRequest(`${stack.url}/marketplace/pairing-code`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ phone: owner.number }),
      });
      return ((await response.json()) as { code: string }).code;
    };
    const lost = await askForCode();
    await stack.server.kill();
    await expect(owner.enterPairingCode(lost)).rejects.toThrow('No device');
    await stack.server.start();

    expect(await settled(token)).toMatchObject({ session_state: 'idle', whatsapp_connected: false });
    using credentials = new DatabaseSync(join(stack.directory, 'sessions', 'credentials.sqlite'));
    expect(credentials.prepare('select count(*) as kept from credentials').get()).toEqual({ kept: 0 });
    await owner.enterPairingCode(await askForCode());
    await waitUntilActive(stack, token);
    expect(of(owner.number, 'login')).toBe(1);
    expect(of(owner.number, 'login refused')).toBe(0);
    expect(owner.linkedDevices).toHaveLength(1);
  }, 60_000);

  it('between the scan and the ordered restart (515) logs in as the device that the phone shows, without a second scan', async () => {
    const token = await newSalon();
    const owner = stack.whatsapp.phone('79001117702');
    {
      using page = new ConnectPageClient(stack.url, token);
      await owner.scan((await page.requestQr()).text);
      // The credentials are on disk within milliseconds; the order to restart has not come.
      await delay(restartAfterMs / 3);
      expect(of(owner.number, 'login')).toBe(0);
      await stack.server.kill();
    }
    await stack.server.start();
    expect(await settled(token)).toMatchObject({ session_state: 'connected' });
    await waitUntilActive(stack, token);
    expect(of(owner.number, 'login refused')).toBe(0);
    expect(owner.linkedDevices).toHaveLength(1);
  }, 60_000);

  it('in the very moment of the scan is either linked or asks for a new scan, and is never refused', async () => {
    const token = await newSalon();
    const owner = stack.whatsapp.phone('79001117703');
    {
      using page = new ConnectPageClient(stack.url, token);
      await owner.scan((await page.requestQr()).text);
      await stack.server.kill();
    }
    await stack.server.start();
    const { session_state: state } = await settled(token);
    expect(['connected', 'idle']).toContain(state);
    if (state === 'idle') {
      using page = new ConnectPageClient(stack.url, token);
      await owner.scan((await page.requestQr()).text);
    }
    await waitUntilActive(stack, token);
    expect(of(owner.number, 'login refused')).toBe(0);
  }, 60_000);
});
