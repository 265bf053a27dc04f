import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateInDays, linkSalon, type LinkedSalon } from '../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { waitFor } from '../../dev-env/wait-for.ts';
import { launchBrowser } from '../support/clients/browser.ts';
import { WebhookReceiver } from '../support/servers/webhook-receiver.ts';

const waitMs = 15_000;

describe('the settings page in Chromium', () => {
  const scope = new AsyncDisposableStack();
  const browserErrors: string[] = [];
  let stack: Stack;
  let salon: LinkedSalon;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    salon = await linkSalon(stack);
    browser = await launchBrowser();
    scope.defer(() => browser.close());
    const context = await browser.newContext({ locale: 'ru-RU', viewport: { width: 360, height: 800 } });
    context.setDefaultTimeout(waitMs);
    context.on('weberror', (error) => browserErrors.push(error.error().message));
    page = await context.newPage();
  });
  afterAll(() => scope.disposeAsync());

  const kind = (name: string) => page.locator(`.kind[data-kind="${name}"]`);

  it('opens from the connect page and keeps the token out of its URL', async () => {
    await page.goto(`${stack.url}/marketplace/connect#token=${salon.token}`);
    await page.getByRole('link', { name: 'Настроить сообщения' }).click();
    await page.locator('#settings:not([hidden])').waitFor();
    expect(page.url()).toBe(`${stack.url}/marketplace/settings`);
    expect(await page.locator('.kind').count()).toBe(6);
    expect(await page.locator('#quiet').isChecked()).toBe(false);
    expect(await page.locator('#opt-outs').innerText()).toBe('Пока никто.');
  });

  it('fits 360 px with every template open', async () => {
    for (const summary of await page.locator('.kind summary').all()) await summary.click();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(360);
  });

  it('names an unknown variable beside the template and previews a known one', async () => {
    const text = kind('confirmation').locator('textarea');
    await text.fill('Ждём, {clint}!');
    await expect.poll(() => kind('confirmation').locator('.problem').innerText()).toContain('{clint}');
    await page.locator('#save').click();
    await expect.poll(() => page.locator('#result').innerText()).toContain('{clint}');

    await text.fill('Ждём, !');
    await text.press('Home');
    for (let step = 0; step < 6; step += 1) await text.press('ArrowRight');
    await kind('confirmation').getByRole('button', { name: '{client}: имя клиента' }).click();
    await expect.poll(() => kind('confirmation').locator('.preview').innerText()).toBe('Ждём, Ольга!');
    expect(await kind('confirmation').locator('.hint').innerText()).toContain('12');
    expect(await kind('confirmation').locator('.problem').innerText()).toBe('');
  });

  it('saves the form; a reload shows it and the next client receives it', async () => {
    await kind('reminder_2h').locator('input[type="checkbox"]').uncheck();
    await page.locator('#quiet').check();
    await page.locator('#shift').fill('15');
    await page.locator('#save').click();
    await expect.poll(() => page.locator('#result').innerText()).toContain('Сохранено');

    await page.reload();
    await page.locator('#settings:not([hidden])').waitFor();
    expect(await kind('confirmation').locator('textarea').inputValue()).toBe('Ждём, {client}!');
    expect(await kind('reminder_2h').locator('input[type="checkbox"]').isChecked()).toBe(false);
    expect(await page.locator('#shift').inputValue()).toBe('15');
    expect(await page.locator('#quiet-from').inputValue()).toBe('21:00');

    stack.yclients.book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff: 'Марина',
      start: dateInDays(2, '14:30:00'),
      online: true,
    });
    const client = stack.whatsapp.phone(clientNumber);
    await client.waitForMessage(({ text }) => text === 'Ждём, Анна!', waitMs);
  });

  it('shows the delivery state of the outgoing webhook', async () => {
    const section = page.locator('#webhook');
    const stateText = async (state: string): Promise<string> => {
      await page.reload();
      await page.locator(`#webhook[data-state="${state}"]:not([hidden])`).waitFor();
      return page.locator('#webhook-state').innerText();
    };
    expect(await section.isVisible()).toBe(false);

    await using receiver = await WebhookReceiver.start();
    const requestWebhook = (method: string, body?: unknown) =>
      sendRequest(`${stack.url}/marketplace/outgoing-webhook`, {
        method,
        headers: { 'x-api-key': salon.apiKey },
        ...(body !== undefined && { body }),
      });
    const isSet = async (field: string) =>
      ((await (await requestWebhook('GET')).json()) as Record<string, unknown>)[field] !== null;
    expect((await requestWebhook('PUT', { url: receiver.url })).status).toBe(200);
    expect(await stateText('active')).toBe('Работает: сообщения клиентов передаются в вашу систему.');

    receiver.respondWith({ status: 503, headers: { 'retry-after': '3' } });
    await stack.whatsapp.phone(clientNumber).sendText(salon.owner.number, 'Есть окно в среду?');
    await waitFor('the failing state', () => isSet('failing_since'), waitMs);
    expect(await stateText('failing')).toMatch(/^Не работает с .* Ждут передачи: 1\.$/);

    receiver.respondWith({ status: 410 });
    await waitFor('the disabled state', () => isSet('disabled_at'), waitMs);
    expect(await stateText('disabled')).toMatch(/^Отключена .* \(код 410\)/);
  }, 60_000);

  it('switches to English and rejects a visitor without a token', async () => {
    await page.getByRole('button', { name: 'English' }).click();
    await expect.poll(() => page.locator('h1').innerText()).toBe('Messages to clients');
    const visitorPage = await browser.newPage();
    await visitorPage.goto(`${stack.url}/marketplace/settings`);
    await expect.poll(() => visitorPage.locator('#load-error').innerText()).toMatch(/ссылка|link/i);
    expect(browserErrors).toEqual([]);
  });
});
