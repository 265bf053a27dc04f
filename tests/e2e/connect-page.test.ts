import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/clients/browser.ts';
import { waitUntilActive } from '../../dev-env/clients/linked-salon.ts';
import { ConnectPageClient, decodeQr, openRegistration } from '../../dev-env/clients/test-clients.ts';
import { demoSalon, ownerNumber, startStack, type Stack } from '../../dev-env/network.ts';
import { waitFor } from '../../dev-env/wait-for.ts';
import { muteLibsignalConsole } from '../../dev-env/simulators/whatsapp/libsignal-console.ts';

const waitMs = 15_000;
const otherSalon = { id: 560_002, title: 'Салон «Лён»', timeZone: 'Europe/Moscow' } as const;
const otherNumber = '79001112288';

/** A code as the page showed it, in epoch milliseconds. */
type Shown = Readonly<{ sequence: number; atMs: number; expiresAtMs: number }>;

describe('the connect page in Chromium', () => {
  const scope = new AsyncDisposableStack();
  const browserErrors: string[] = [];
  const addresses: string[] = [];
  let stack: Stack;
  let browser: Browser;
  let context: BrowserContext;
  /** The page of the demo salon, opened from the marketplace, and of a salon whose first code runs out meanwhile. */
  let page: Page;
  let patient: Page;
  let token: string;
  let patientToken: string;
  let watcher: ConnectPageClient;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    stack.yclients.addSalon(otherSalon);
    browser = await launchBrowser();
    scope.defer(() => browser.close());
    context = await browser.newContext({ locale: 'ru-RU', viewport: { width: 1100, height: 900 } });
    context.setDefaultTimeout(waitMs);
    context.on('request', (request) => addresses.push(withoutFragment(request.url())));
    context.on('console', (message) => {
      const { url } = message.location();
      if (message.type() === 'error' && url.startsWith(stack.url))
        browserErrors.push(`${message.text()} ${url}`);
    });
    context.on('weberror', (error) => browserErrors.push(error.error().message));
    context.on('page', (opened) => {
      opened.on('websocket', (socket) => addresses.push(socket.url()));
    });
    await context.addInitScript(watchPage);

    [patientToken = ''] = await openRegistration(stack.yclients.pressConnect(otherSalon.id));
    watcher = scope.use(new ConnectPageClient(stack.url, patientToken));
    patient = await context.newPage();
    await patient.goto(`${stack.url}/marketplace/connect#token=${patientToken}`);
    await patient.locator('#qr:not([hidden])').waitFor();
  });
  afterAll(() => scope.disposeAsync());

  const stateOf = (which: Page) => which.locator('#main').getAttribute('data-state');
  const registrations = () => stack.whatsapp.log.filter(({ type }) => type === 'registration').length;
  const screenshotCode = async (which: Page): Promise<string> => {
    const picture = await which.screenshot({ fullPage: true });
    return decodeQr(picture.toString('base64'));
  };

  it('opens from "Подключить" in the marketplace and shows the QR code that WhatsApp gave', async () => {
    page = await context.newPage();
    await page.goto(stack.yclients.marketplaceUrl(demoSalon.id));
    const redirected = page.waitForResponse(
      (response) => new URL(response.url()).pathname === '/marketplace/register',
    );
    await page.getByRole('button', { name: 'Подключить' }).click();
    const location = (await redirected).headers()['location'] ?? '';
    token = new URLSearchParams(new URL(location).hash.slice(1)).get('token') ?? '';
    expect(token).not.toBe('');
    await page.locator('#qr:not([hidden])').waitFor();
    expect(page.url()).toBe(`${stack.url}/marketplace/connect`);
    expect(await page.locator('#countdown-time').innerText()).toMatch(/\d/);

    using other = new ConnectPageClient(stack.url, token);
    const { text } = await waitFor('the live code', () => other.codes[0], 1_000);
    expect(await screenshotCode(page)).toBe(text);
  });

  it('goes from the scan of its own picture to connected and active', async () => {
    await stack.whatsapp.phone(ownerNumber).scan(await screenshotCode(page));
    await page.locator('#main[data-state="connected"]').waitFor();
    await page.locator('#integration[data-integration="active"]').waitFor();
    expect(await page.evaluate(() => window.seen.states)).toEqual(
      expect.arrayContaining(['qr', 'connecting', 'connected']),
    );
    expect(await page.locator('#phone').innerText()).toMatch(/\+7.*900.*111.*22.*33/);
    expect(await page.locator('#qr').isVisible()).toBe(false);
    await waitUntilActive(stack, token);
  });

  it('is still connected after a reload, and starts no new pairing', async () => {
    const before = registrations();
    await page.reload();
    await page.locator('#main[data-state="connected"]').waitFor();
    await page.locator('#integration[data-integration="active"]').waitFor();
    expect(await page.evaluate(() => window.seen.states)).not.toContain('qr');
    expect(registrations()).toBe(before);
  });

  it('speaks Russian, and English when asked', async () => {
    expect(await patient.locator('html').getAttribute('lang')).toBe('ru');
    expect(await patient.locator('h1').innerText()).toBe('Подключите WhatsApp салона');
    await patient.getByRole('button', { name: 'English' }).click();
    await patient.locator('html[lang="en"]').waitFor();
    await waitFor('English everywhere', async () => !/[а-яё]/i.test(await visibleText(patient)));
    await patient.getByRole('button', { name: 'Русский' }).click();
    await patient.locator('html[lang="ru"]').waitFor();
    await waitFor('Russian again', async () => /Отсканируйте/.test(await visibleText(patient)));
  });

  it('fits into 320 px, with a code and without', async () => {
    for (const which of [patient, page]) {
      const viewport = which.viewportSize() ?? { width: 1100, height: 900 };
      await which.setViewportSize({ width: 320, height: 640 });
      for (const language of ['English', 'Русский']) {
        await which.getByRole('button', { name: language }).click();
        const overflow = await which.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          return scrollWidth - clientWidth;
        });
        expect(overflow, `${await stateOf(which)} in ${language}`).toBe(0);
      }
      await which.setViewportSize(viewport);
    }
  });

  it('can be scanned from the smallest screen', async () => {
    await patient.setViewportSize({ width: 320, height: 640 });
    expect(await screenshotCode(patient)).toBe(watcher.codes.at(-1)?.text);
    await patient.setViewportSize({ width: 1100, height: 900 });
  });

  it('names everything for a screen reader', async () => {
    for (const which of [patient, page]) expect(await which.evaluate(audit)).toEqual([]);
    await expect.poll(() => patient.getByRole('status').first().innerText()).toContain('Отсканируйте');
    expect(await patient.getByRole('img', { name: 'QR-код для привязки WhatsApp' }).count()).toBe(1);
  });

  it('replaces the first code, which lives a minute, before it runs out', async () => {
    const next = await waitFor(
      'the second code',
      () => watcher.codes.find(({ sequence }) => sequence === 2),
      75_000,
    );
    await patient.locator('#qr[data-sequence="2"]').waitFor();
    expect(await screenshotCode(patient)).toBe(next.text);
    const { codes, gaps } = await patient.evaluate(() => window.seen);
    const [first, second] = codes as [Shown, Shown];
    expect([first.sequence, second.sequence]).toEqual([1, 2]);
    expect(second.atMs).toBeLessThanOrEqual(first.expiresAtMs);
    expect(first.expiresAtMs - first.atMs).toBeGreaterThan(55_000);
    expect(gaps).toBe(0);
  }, 90_000);

  it('links a phone by pairing code, with nothing but the keyboard', async () => {
    await patient.locator('body').press('Tab');
    for (let presses = 0; presses < 30; presses += 1) {
      if (await patient.evaluate(() => document.activeElement?.matches('#pairing summary') ?? false)) break;
      await patient.keyboard.press('Tab');
    }
    await patient.keyboard.press('Enter');
    await patient.keyboard.press('Tab');
    expect(await patient.evaluate(() => document.activeElement?.id)).toBe('pairing-phone');
    await patient.keyboard.type('12');
    await patient.keyboard.press('Enter');
    await expect.poll(() => patient.locator('#pairing-problem').innerText()).toContain('Введите номер');
    await patient.keyboard.press('ControlOrMeta+A');
    await patient.keyboard.type('8 900 111-22-88');
    await patient.keyboard.press('Enter');
    const code = patient.locator('#pairing-code');
    await code.waitFor();
    expect(await code.innerText()).toMatch(/^[A-Z\d]{4}-[A-Z\d]{4}$/);
    expect(await patient.evaluate(() => document.activeElement?.id)).toBe('pairing-code');

    await stack.whatsapp.phone(otherNumber).enterPairingCode(await code.innerText());
    await patient.locator('#main[data-state="connected"]').waitFor();
    await waitUntilActive(stack, patientToken);
  });

  it('sends a person without a token back to registration', async () => {
    const stranger = await context.newPage();
    await stranger.goto(`${stack.url}/marketplace/connect`);
    await stranger.locator('#main[data-code="INVALID_TOKEN"]').waitFor();
    expect(await stranger.locator('#register').isVisible()).toBe(true);
    await stranger.goto(`${stack.url}/marketplace/register?salon_id=${demoSalon.id}`);
    expect(await stranger.locator('body').innerText()).toContain('INVALID_TOKEN');
    await stranger.close();
  });

  it('keeps its tokens out of every address, and breaks no rule of its own', async () => {
    expect(addresses.length).toBeGreaterThan(20);
    expect(addresses.some((address) => address.startsWith('ws'))).toBe(true);
    for (const secret of [token, patientToken]) {
      expect(addresses.filter((address) => address.includes(secret))).toEqual([]);
      for (const which of [page, patient]) expect(which.url()).not.toContain(secret);
      expect(stack.server.output).not.toContain(secret);
    }
    const refusedRegistration = /status of 401 .*\/marketplace\/register/;
    expect(browserErrors.filter((complaint) => !refusedRegistration.test(complaint))).toEqual([]);
  });
});

type Seen = { states: string[]; codes: Shown[]; gaps: number };

declare global {
  interface Window {
    seen: Seen;
  }
}

/** Runs in the page: notes what a person would see, and what the browser refuses to do. */
function watchPage(): void {
  const seen: Seen = { states: [], codes: [], gaps: 0 };
  window.seen = seen;
  const note = (): void => {
    const state = document.querySelector('#main')?.getAttribute('data-state');
    if (typeof state === 'string' && seen.states.at(-1) !== state) {
      if (seen.states.at(-1) === 'qr' && state === 'waiting') seen.gaps += 1;
      seen.states.push(state);
    }
    const qr = document.querySelector<HTMLImageElement>('#qr:not([hidden])');
    const sequence = Number(qr?.dataset['sequence']);
    if (Number.isNaN(sequence) || seen.codes.at(-1)?.sequence === sequence) return;
    seen.codes.push({ sequence, atMs: Date.now(), expiresAtMs: Date.parse(qr?.dataset['expiresAt'] ?? '') });
  };
  new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true });
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
    console.error(`Content-Security-Policy: ${violatedDirective} ${blockedURI}`);
  });
}

/** Runs in the page. @returns what a screen reader would stumble over */
function audit(): string[] {
  const problems: string[] = [];
  const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
  const demand = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  const isShown = (element: HTMLElement): boolean => element.checkVisibility();
  const nameOf = ({ ariaLabel, textContent }: HTMLElement): string => (ariaLabel ?? textContent).trim();
  demand(all('h1').length === 1, 'not one h1');
  demand(all('main').length === 1, 'not one main');
  demand(document.title !== '' && document.documentElement.lang !== '', 'no title or language');
  const ids = all('[id]').map(({ id }) => id);
  demand(new Set(ids).size === ids.length, 'an id twice');
  for (const image of all('img')) demand(image.hasAttribute('alt'), `no alt: ${image.id}`);
  for (const control of all('button, a, summary').filter(isShown)) {
    demand(nameOf(control) !== '', `no name: ${control.outerHTML}`);
  }
  for (const input of document.querySelectorAll('input')) {
    demand((input.labels?.length ?? 0) > 0, `no label: ${input.id}`);
  }
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'for']) {
    for (const element of all(`[${attribute}]`)) {
      const targets = (element.getAttribute(attribute) ?? '').split(/\s+/);
      demand(
        targets.every((id) => ids.includes(id)),
        `${attribute} leads nowhere: ${element.id}`,
      );
    }
  }
  const levels = all('h1, h2, h3, h4')
    .filter(isShown)
    .map(({ tagName }) => Number(tagName.slice(1)));
  demand(
    levels.every((level, at) => level <= (levels[at - 1] ?? 0) + 1),
    `headings jump: ${levels.join()}`,
  );
  demand(
    all('[tabindex]').every(({ tabIndex }) => tabIndex <= 0),
    'a tab order of its own',
  );
  return problems;
}

async function visibleText(page: Page): Promise<string> {
  return `${await page.title()} ${await page.locator('body').innerText()}`;
}

function withoutFragment(address: string): string {
  return address.replace(/#.*$/, '');
}
