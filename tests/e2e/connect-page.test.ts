import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntilActive } from '../../dev-env/clients/linked-salon.ts';
import { ConnectPageClient, decodeQr, openRegistration } from '../../dev-env/clients/test-clients.ts';
import { demoSalon, ownerNumber, startStack, type Stack } from '../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { waitFor } from '../../dev-env/wait-for.ts';
import { launchBrowser } from '../support/clients/browser.ts';

const waitMs = 15_000;
const otherSalon = { id: 560_002, title: 'Салон «Лён»', timeZone: 'Europe/Moscow' } as const;
const otherNumber = '79001112288';

/** A code as displayed by the page; times in epoch milliseconds. */
type DisplayedCode = Readonly<{ sequence: number; atMs: number; expiresAtMs: number }>;

describe('the connect page in Chromium', () => {
  const scope = new AsyncDisposableStack();
  const browserErrors: string[] = [];
  const urls: string[] = [];
  let stack: Stack;
  let browser: Browser;
  let context: BrowserContext;
  /** The page of the demo salon, opened from the marketplace. */
  let page: Page;
  /** The page of another salon, whose first code expires during the tests. */
  let otherPage: Page;
  let token: string;
  let otherToken: string;
  let otherClient: ConnectPageClient;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    stack.yclients.addSalon(otherSalon);
    browser = await launchBrowser();
    scope.defer(() => browser.close());
    context = await browser.newContext({ locale: 'ru-RU', viewport: { width: 1100, height: 900 } });
    context.setDefaultTimeout(waitMs);
    context.on('request', (request) => urls.push(withoutFragment(request.url())));
    context.on('console', (message) => {
      const { url } = message.location();
      if (message.type() === 'error' && url.startsWith(stack.url))
        browserErrors.push(`${message.text()} ${url}`);
    });
    context.on('weberror', (error) => browserErrors.push(error.error().message));
    context.on('page', (opened) => {
      opened.on('websocket', (socket) => urls.push(socket.url()));
    });
    await context.addInitScript(recordPage);

    [otherToken = ''] = await openRegistration(stack.yclients.pressConnect(otherSalon.id));
    otherClient = scope.use(new ConnectPageClient(stack.url, otherToken));
    otherPage = await context.newPage();
    await otherPage.goto(`${stack.url}/marketplace/connect#token=${otherToken}`);
    await otherPage.locator('#qr:not([hidden])').waitFor();
  });
  afterAll(() => scope.disposeAsync());

  const screenOf = (target: Page) => target.locator('#main').getAttribute('data-state');
  const registrations = () => stack.whatsapp.log.filter(({ type }) => type === 'registration').length;
  const screenshotCode = async (target: Page): Promise<string> => {
    const picture = await target.screenshot({ fullPage: true });
    return decodeQr(picture.toString('base64'));
  };

  it('opens from "Подключить" in the marketplace and shows the QR code from WhatsApp', async () => {
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

  it('becomes connected and active after its QR code is scanned', async () => {
    await stack.whatsapp.phone(ownerNumber).scan(await screenshotCode(page));
    await page.locator('#main[data-state="connected"]').waitFor();
    await page.locator('#integration[data-integration="active"]').waitFor();
    expect(await page.evaluate(() => window.pageRecord.states)).toEqual(
      expect.arrayContaining(['qr', 'connecting', 'connected']),
    );
    expect(await page.locator('#phone').innerText()).toMatch(/\+7.*900.*111.*22.*33/);
    expect(await page.locator('#qr').isVisible()).toBe(false);
    await waitUntilActive(stack, token);
  });

  it('stays connected after a reload and starts no pairing', async () => {
    const before = registrations();
    await page.reload();
    await page.locator('#main[data-state="connected"]').waitFor();
    await page.locator('#integration[data-integration="active"]').waitFor();
    expect(await page.evaluate(() => window.pageRecord.states)).not.toContain('qr');
    expect(registrations()).toBe(before);
  });

  it('switches between Russian and English', async () => {
    expect(await otherPage.locator('html').getAttribute('lang')).toBe('ru');
    expect(await otherPage.locator('h1').innerText()).toBe('Подключите WhatsApp салона');
    await otherPage.getByRole('button', { name: 'English' }).click();
    await otherPage.locator('html[lang="en"]').waitFor();
    await waitFor('English everywhere', async () => !/[а-яё]/i.test(await visibleText(otherPage)));
    await otherPage.getByRole('button', { name: 'Русский' }).click();
    await otherPage.locator('html[lang="ru"]').waitFor();
    await waitFor('Russian again', async () => /Отсканируйте/.test(await visibleText(otherPage)));
  });

  it('fits into 320 px, with and without a code', async () => {
    for (const target of [otherPage, page]) {
      const viewport = target.viewportSize() ?? { width: 1100, height: 900 };
      await target.setViewportSize({ width: 320, height: 640 });
      for (const language of ['English', 'Русский']) {
        await target.getByRole('button', { name: language }).click();
        const overflow = await target.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          return scrollWidth - clientWidth;
        });
        expect(overflow, `${await screenOf(target)} in ${language}`).toBe(0);
      }
      await target.setViewportSize(viewport);
    }
  });

  it('shows a scannable QR code at 320 px', async () => {
    await otherPage.setViewportSize({ width: 320, height: 640 });
    expect(await screenshotCode(otherPage)).toBe(otherClient.codes.at(-1)?.text);
    await otherPage.setViewportSize({ width: 1100, height: 900 });
  });

  it('passes the accessibility audit', async () => {
    for (const target of [otherPage, page]) expect(await target.evaluate(audit)).toEqual([]);
    await expect.poll(() => otherPage.getByRole('status').first().innerText()).toContain('Отсканируйте');
    expect(await otherPage.getByRole('img', { name: 'QR-код для привязки WhatsApp' }).count()).toBe(1);
  });

  it('replaces the first code, valid for a minute, before it expires', async () => {
    const next = await waitFor(
      'the second code',
      () => otherClient.codes.find(({ sequence }) => sequence === 2),
      75_000,
    );
    await otherPage.locator('#qr[data-sequence="2"]').waitFor();
    expect(await screenshotCode(otherPage)).toBe(next.text);
    const { codes, gaps } = await otherPage.evaluate(() => window.pageRecord);
    const [first, second] = codes as [DisplayedCode, DisplayedCode];
    expect([first.sequence, second.sequence]).toEqual([1, 2]);
    expect(second.atMs).toBeLessThanOrEqual(first.expiresAtMs);
    expect(first.expiresAtMs - first.atMs).toBeGreaterThan(55_000);
    expect(gaps).toBe(0);
  }, 90_000);

  it('links a phone by pairing code with the keyboard alone', async () => {
    await otherPage.locator('body').press('Tab');
    for (let presses = 0; presses < 30; presses += 1) {
      if (await otherPage.evaluate(() => document.activeElement?.matches('#pairing summary') ?? false)) break;
      await otherPage.keyboard.press('Tab');
    }
    await otherPage.keyboard.press('Enter');
    await otherPage.keyboard.press('Tab');
    expect(await otherPage.evaluate(() => document.activeElement?.id)).toBe('pairing-phone');
    await otherPage.keyboard.type('12');
    await otherPage.keyboard.press('Enter');
    await expect.poll(() => otherPage.locator('#pairing-problem').innerText()).toContain('Введите номер');
    await otherPage.keyboard.press('ControlOrMeta+A');
    await otherPage.keyboard.type('8 900 111-22-88');
    await otherPage.keyboard.press('Enter');
    const code = otherPage.locator('#pairing-code');
    await code.waitFor();
    expect(await code.innerText()).toMatch(/^[A-Z\d]{4}-[A-Z\d]{4}$/);
    expect(await otherPage.evaluate(() => document.activeElement?.id)).toBe('pairing-code');

    await stack.whatsapp.phone(otherNumber).enterPairingCode(await code.innerText());
    await otherPage.locator('#main[data-state="connected"]').waitFor();
    await waitUntilActive(stack, otherToken);
  });

  it('sends a visitor without a token back to registration', async () => {
    const visitorPage = await context.newPage();
    await visitorPage.goto(`${stack.url}/marketplace/connect`);
    await visitorPage.locator('#main[data-code="INVALID_TOKEN"]').waitFor();
    expect(await visitorPage.locator('#register').isVisible()).toBe(true);
    await visitorPage.goto(`${stack.url}/marketplace/register?salon_id=${demoSalon.id}`);
    expect(await visitorPage.locator('body').innerText()).toContain('INVALID_TOKEN');
    await visitorPage.close();
  });

  it('keeps its tokens out of every URL and causes no browser error', async () => {
    expect(urls.length).toBeGreaterThan(20);
    expect(urls.some((url) => url.startsWith('ws'))).toBe(true);
    for (const secret of [token, otherToken]) {
      expect(urls.filter((url) => url.includes(secret))).toEqual([]);
      for (const target of [page, otherPage]) expect(target.url()).not.toContain(secret);
      expect(stack.server.output).not.toContain(secret);
    }
    const rejectedRegistration = /status of 401 .*\/marketplace\/register/;
    expect(browserErrors.filter((error) => !rejectedRegistration.test(error))).toEqual([]);
  });
});

type PageRecord = { states: string[]; codes: DisplayedCode[]; gaps: number };

declare global {
  interface Window {
    pageRecord: PageRecord;
  }
}

/** Runs in the page: records its screens and codes, and logs content-security-policy violations. */
function recordPage(): void {
  const pageRecord: PageRecord = { states: [], codes: [], gaps: 0 };
  window.pageRecord = pageRecord;
  const record = (): void => {
    const state = document.querySelector('#main')?.getAttribute('data-state');
    if (typeof state === 'string' && pageRecord.states.at(-1) !== state) {
      if (pageRecord.states.at(-1) === 'qr' && state === 'waiting') pageRecord.gaps += 1;
      pageRecord.states.push(state);
    }
    const qr = document.querySelector<HTMLImageElement>('#qr:not([hidden])');
    const sequence = Number(qr?.dataset['sequence']);
    if (Number.isNaN(sequence) || pageRecord.codes.at(-1)?.sequence === sequence) return;
    pageRecord.codes.push({
      sequence,
      atMs: Date.now(),
      expiresAtMs: Date.parse(qr?.dataset['expiresAt'] ?? ''),
    });
  };
  new MutationObserver(record).observe(document, { subtree: true, childList: true, attributes: true });
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
    console.error(`Content-Security-Policy: ${violatedDirective} ${blockedURI}`);
  });
}

/** Runs in the page. @returns accessibility problems */
function audit(): string[] {
  const problems: string[] = [];
  const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
  const check = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  const isShown = (element: HTMLElement): boolean => element.checkVisibility();
  const accessibleName = ({ ariaLabel, textContent }: HTMLElement): string =>
    (ariaLabel ?? textContent).trim();
  check(all('h1').length === 1, 'the number of h1 is not 1');
  check(all('main').length === 1, 'the number of main is not 1');
  check(document.title !== '' && document.documentElement.lang !== '', 'title or language missing');
  const ids = all('[id]').map(({ id }) => id);
  check(new Set(ids).size === ids.length, 'duplicate id');
  for (const image of all('img')) check(image.hasAttribute('alt'), `no alt: ${image.id}`);
  for (const control of all('button, a, summary').filter(isShown)) {
    check(accessibleName(control) !== '', `no name: ${control.outerHTML}`);
  }
  for (const input of document.querySelectorAll('input')) {
    check((input.labels?.length ?? 0) > 0, `no label: ${input.id}`);
  }
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'for']) {
    for (const element of all(`[${attribute}]`)) {
      const targets = (element.getAttribute(attribute) ?? '').split(/\s+/);
      check(
        targets.every((id) => ids.includes(id)),
        `${attribute} refers to a missing id: ${element.id}`,
      );
    }
  }
  const levels = all('h1, h2, h3, h4')
    .filter(isShown)
    .map(({ tagName }) => Number(tagName.slice(1)));
  check(
    levels.every((level, index) => level <= (levels[index - 1] ?? 0) + 1),
    `heading levels skipped: ${levels.join()}`,
  );
  check(
    all('[tabindex]').every(({ tabIndex }) => tabIndex <= 0),
    'positive tabindex',
  );
  return problems;
}

async function visibleText(page: Page): Promise<string> {
  return `${await page.title()} ${await page.locator('body').innerText()}`;
}

function withoutFragment(url: string): string {
  return url.replace(/#.*$/, '');
}
