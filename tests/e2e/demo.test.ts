import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Demo } from '../../dev-env/demo/demo.ts';
import { launchBrowser } from '../support/clients/browser.ts';

const waitMs = 15_000;
const pollOptions = { timeout: waitMs };

describe('the demo page', () => {
  let demo: Demo;
  let browser: Browser;
  let page: Page;
  const browserErrors: string[] = [];

  beforeAll(async () => {
    [demo, browser] = await Promise.all([Demo.start(0), launchBrowser()]);
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, locale: 'ru-RU' });
    page.setDefaultTimeout(waitMs);
    page.on('pageerror', ({ message }) => browserErrors.push(message));
    page.on('console', (message) => message.type() === 'error' && browserErrors.push(message.text()));
    await page.goto(demo.addresses.page);
  });

  afterAll(async () => {
    await browser.close();
    await demo[Symbol.asyncDispose]();
  });

  const visibleText = (selector: string) => () => page.locator(selector).innerText();

  it('reports that there is nothing to scan before "Подключить" is pressed', async () => {
    await page.getByRole('button', { name: 'Сканировать' }).click();
    await expect
      .poll(visibleText('#scan-outcome'), pollOptions)
      .toContain('На экране компьютера нет QR-кода');
  });

  it('opens the connect page in the same frame after "Подключить"', async () => {
    const frame = page.frameLocator('#frame');
    await frame.getByRole('button', { name: 'Подключить' }).click();
    await frame.locator('#qr:not([hidden])').waitFor();
    expect(await page.locator('#address').textContent()).toContain('/marketplace/connect');
  });

  it('links the device after the phone scans its QR code', async () => {
    await page.getByRole('button', { name: 'Сканировать' }).click();
    await expect.poll(visibleText('#owner'), pollOptions).toContain('Устройство связано');
    await expect.poll(visibleText('#session'), pollOptions).toContain('подключена');
    await expect.poll(visibleText('#integration'), pollOptions).toContain('работает');
  });

  it("shows the decrypted confirmation on the client's phone after a booking", async () => {
    await page.getByRole('button', { name: 'Записать' }).click();
    const message = page.locator('#client-chat li').first();
    await message.waitFor();
    expect(await message.textContent()).toContain('Вы записаны: Салон красоты «Ромашка»');
    await message.getByText('доставлено').waitFor();
  });

  it('shows the read receipt to the salon once the client opens the chat', async () => {
    await page.getByRole('button', { name: 'Открыть чат' }).click();
    await page.locator('#owner-chat [data-ticks="read"]').waitFor();
    await expect.poll(visibleText('#client-chat'), pollOptions).toContain('прочитано');
  });

  it('notifies the client of a move and a cancellation, not of a completed visit', async () => {
    await page.getByRole('button', { name: 'На день позже' }).click();
    await page.locator('#client-chat li', { hasText: 'Ваша запись изменена' }).waitFor();
    await page.getByRole('button', { name: 'Пришёл' }).click();
    await page.getByText('пришёл — без сообщения').waitFor();
    await page.getByRole('button', { name: 'Отменить' }).click();
    await page.locator('#client-chat li', { hasText: 'Ваша запись отменена' }).waitFor();
    expect(await page.locator('#client-chat li').count()).toBe(3);
  });

  it('keeps a message at one tick while the client is offline', async () => {
    const offline = page.getByLabel('Телефон клиента без сети');
    await offline.check();
    await page.getByRole('button', { name: 'Записать' }).click();
    const last = page.locator('#owner-chat li').last();
    await last.filter({ hasText: 'Вы записаны' }).locator('[data-ticks="sent"]').waitFor();
    expect(await page.locator('#client-chat li').count()).toBe(3);
    await offline.uncheck();
    await last.locator('[data-ticks="read"]').waitFor();
  });

  it('fits 360 px without horizontal scrolling', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });

  it('switches to English together with the connect page', async () => {
    await page.getByRole('button', { name: 'English' }).first().click();
    await expect.poll(visibleText('#client h2'), pollOptions).toContain("The client's phone");
    await page.frameLocator('#frame').locator('html[lang="en"]').waitFor();
  });

  it('rejects commands from another origin', async () => {
    const command = { method: 'POST', body: '{}', headers: { origin: 'https://evil.example' } };
    const response = await fetch(new URL('do/remove-devices', demo.addresses.page), command);
    expect(response.status).toBe(403);
  });

  it('redirects localhost to its canonical origin', async () => {
    const url = demo.addresses.page.replace('127.0.0.1', 'localhost');
    const response = await fetch(url, { redirect: 'manual' });
    expect(response.headers.get('location')).toBe(demo.addresses.page);
  });

  it('causes no browser error', () => {
    expect(browserErrors).toEqual([]);
  });
});

describe('make demo', () => {
  it('names a port that is in use, without a stack trace', async () => {
    await using portHolder = createServer();
    portHolder.listen(0, '127.0.0.1');
    await once(portHolder, 'listening');
    const address = portHolder.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    const { code, output } = await run('--port', port);
    expect(output).toContain(`Порт ${port} занят`);
    expect(output).not.toContain('at ');
    expect(code).toBe(1);
  });

  it('prints its options with --help', async () => {
    const { code, output } = await run('--help');
    expect(output).toContain('--port');
    expect(code).toBe(0);
  });
});

async function run(...args: string[]): Promise<Readonly<{ code: unknown; output: string }>> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../dev-env/demo/main.ts'), ...args]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const [code] = (await once(child, 'close')) as unknown[];
  return { code, output };
}
