import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRegistration } from '../../dev-env/clients/test-clients.ts';
import { demoSalon, ownerNumber, startStack, type Stack } from '../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { launchBrowser } from '../support/clients/browser.ts';

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;
const desktop = { viewport: { width: 1100, height: 900 } } as const;

describe('the connect page on a phone', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let browser: Browser;
  let token: string;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    browser = await launchBrowser();
    scope.defer(() => browser.close());
    [token = ''] = await openRegistration(stack.yclients.pressConnect(demoSalon.id));
  });
  afterAll(() => scope.disposeAsync());

  const open = async (device: BrowserContextOptions): Promise<Page> => {
    const context = await browser.newContext({ locale: 'ru-RU', ...device });
    const page = await context.newPage();
    await page.goto(`${stack.url}/marketplace/connect#token=${token}`);
    await page.locator('#qr:not([hidden])').waitFor();
    return page;
  };
  const pairingForm = (page: Page) =>
    page.evaluate(() => {
      const top = (id: string) => document.querySelector(id)?.getBoundingClientRect().top ?? Number.NaN;
      const isOpen = document.querySelector('#pairing')?.hasAttribute('open') ?? false;
      return { isOpen, isFirst: top('#pairing') < top('#connection') };
    });

  it('shows the pairing code form first; a desktop shows the QR code first', async () => {
    expect(await pairingForm(await open(desktop))).toEqual({ isOpen: false, isFirst: false });
    expect(await pairingForm(await open(phone))).toEqual({ isOpen: true, isFirst: true });
  });

  it('explains a refused code, counts a valid one down and shows since when it is linked', async () => {
    const page = await open(phone);
    stack.whatsapp.refusePairingCodes(400);
    await page.locator('#pairing-phone').fill(ownerNumber);
    await page.locator('#pairing-submit').click();
    await expect.poll(() => page.locator('#pairing-problem').innerText()).toContain('не выдал код');
    stack.whatsapp.refusePairingCodes(undefined);
    await page.locator('#pairing-submit').click();
    const code = page.locator('#pairing-code');
    await code.waitFor();
    expect(await page.locator('#pairing-time').innerText()).toMatch(/[12]:\d\d/);
    await stack.whatsapp.phone(ownerNumber).enterPairingCode(await code.innerText());
    await page.locator('#main[data-state="connected"]').waitFor();
    expect(await page.locator('#status-since').innerText()).toMatch(/^С \d+ .*\d\d:\d\d/);
  });
});
