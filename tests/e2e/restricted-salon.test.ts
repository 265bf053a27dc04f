import { describe, expect, it } from 'vitest';
import { linkSalon } from '../../dev-env/clients/linked-salon.ts';
import { fetchStatus } from '../../dev-env/clients/test-clients.ts';
import { startStack } from '../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { waitFor } from '../../dev-env/wait-for.ts';
import { launchBrowser } from '../support/clients/browser.ts';

const waitMs = 15_000;

describe('the connect page of a salon with a new-chat restriction', () => {
  it('shows the end of the restriction while it lasts', async () => {
    await using scope = new AsyncDisposableStack();
    scope.use(muteLibsignalConsole());
    const stack = scope.use(await startStack({ useDatabaseTemplate: true }));
    const { owner, token } = await linkSalon(stack);
    const browser = await launchBrowser();
    scope.defer(() => browser.close());
    const page = await browser.newPage({ locale: 'ru-RU' });
    const notice = page.locator('#restriction');
    const isRestricted = async () => (await fetchStatus(stack.url, token)).restriction !== null;

    await page.goto(`${stack.url}/marketplace/connect#token=${token}`);
    await page.locator('#integration[data-integration="active"]').waitFor();
    expect(await notice.isVisible()).toBe(false);

    const endsAt = new Date(Date.now() + 3_600_000);
    stack.whatsapp.restrict(owner, { endsAt, enforcementType: 'WEB_COMPANION_ONLY' });
    stack.whatsapp.announceRestriction(owner);
    await waitFor('the restriction', isRestricted, waitMs);
    await page.reload();
    await notice.and(page.locator(':not([hidden])')).waitFor();
    expect(await notice.innerText()).toMatch(/^WhatsApp ограничил новые чаты до \d\d:\d\d/);

    stack.whatsapp.liftRestriction(owner);
    stack.whatsapp.announceRestriction(owner);
    await waitFor('the end of the restriction', async () => !(await isRestricted()), waitMs);
    await page.reload();
    await page.locator('#integration[data-integration="active"]').waitFor();
    expect(await notice.isVisible()).toBe(false);
  }, 120_000);
});
