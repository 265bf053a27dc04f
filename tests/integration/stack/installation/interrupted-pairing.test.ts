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
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

/** Delay of WhatsApp's restart (515) after the scan, during which the test kills the server. */
const restartAfterMs = 1_500;

describe('a server killed during pairing', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let lastSalonId = 570_000;

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
    lastSalonId += 1;
    stack.yclients.addSalon({ id: lastSalonId, title: `Салон ${lastSalonId}`, timeZone: 'Europe/Moscow' });
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(lastSalonId));
    return token;
  };
  const loginCount = (number: string, type: 'login' | 'login refused') =>
    stack.whatsapp.log.filter((event) => event.type === type && event.number === number).length;
  const waitUntilSettled = (token: string) =>
    waitFor(
      'the session to settle',
      async () => {
        const status = await fetchStatus(stack.url, token);
        return ['connecting', 'reconnecting'].includes(status.session_state) ? undefined : status;
      },
      20_000,
    );

  it('discards a half-finished pairing by code and links with the next code', async () => {
    const token = await newSalon();
    const owner = stack.whatsapp.phone('79001117701');
    const requestCode = async (): Promise<string> => {
      const response = await sendRequest(`${stack.url}/marketplace/pairing-code`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ phone: owner.number }),
      });
      return ((await response.json()) as { code: string }).code;
    };
    const lost = await requestCode();
    await stack.server.kill();
    await expect(owner.enterPairingCode(lost)).rejects.toThrow('No device');
    await stack.server.start();

    expect(await waitUntilSettled(token)).toMatchObject({ session_state: 'idle', whatsapp_connected: false });
    using credentials = new DatabaseSync(join(stack.directory, 'sessions', 'credentials.sqlite'));
    expect(credentials.prepare('select count(*) as count from credentials').get()).toEqual({ count: 0 });
    await owner.enterPairingCode(await requestCode());
    await waitUntilActive(stack, token);
    expect(loginCount(owner.number, 'login')).toBe(1);
    expect(loginCount(owner.number, 'login refused')).toBe(0);
    expect(owner.linkedDevices).toHaveLength(1);
  }, 60_000);

  it('between scan and restart (515) connects as the linked device without a second scan', async () => {
    const token = await newSalon();
    const owner = stack.whatsapp.phone('79001117702');
    {
      using page = new ConnectPageClient(stack.url, token);
      await owner.scan((await page.requestQr()).text);
      // The credentials are stored within milliseconds, well before the restart.
      await delay(restartAfterMs / 3);
      expect(loginCount(owner.number, 'login')).toBe(0);
      await stack.server.kill();
    }
    await stack.server.start();
    expect(await waitUntilSettled(token)).toMatchObject({ session_state: 'connected' });
    await waitUntilActive(stack, token);
    expect(loginCount(owner.number, 'login refused')).toBe(0);
    expect(owner.linkedDevices).toHaveLength(1);
  }, 60_000);

  it('at the scan is either linked or needs a new scan, but is never rejected', async () => {
    const token = await newSalon();
    const owner = stack.whatsapp.phone('79001117703');
    {
      using page = new ConnectPageClient(stack.url, token);
      await owner.scan((await page.requestQr()).text);
      await stack.server.kill();
    }
    await stack.server.start();
    const { session_state: state } = await waitUntilSettled(token);
    expect(['connected', 'idle']).toContain(state);
    if (state === 'idle') {
      using page = new ConnectPageClient(stack.url, token);
      await owner.scan((await page.requestQr()).text);
    }
    await waitUntilActive(stack, token);
    expect(loginCount(owner.number, 'login refused')).toBe(0);
  }, 60_000);
});
