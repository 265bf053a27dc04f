import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PairingError } from '../../../../dev-env/simulators/whatsapp/pairing/qr-code.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { AppError } from '../../../../src/domain/errors/app-error.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

describe('linking a salon', () => {
  it('opens the session after scan and restart, and sends a test message to the salon', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const code = await host.manager.generateQRForCompany(fixture.companyId);
    await fixture.salon.scan(code.text);
    await host.waitForState(fixture.companyId, 'connected');

    expect(host.states).toEqual(['pairing', 'connecting', 'connected']);
    expect(host.connections).toEqual([{ phone: '+79031112233', firstTime: true }]);
    expect(host.disconnections).toEqual([]);
    expect(host.manager.getSessionStatus(fixture.companyId)).toMatchObject({
      state: 'connected',
      phone: '+79031112233',
    });
    expect(host.manager.getActiveSessions()).toMatchObject([{ companyId: fixture.companyId }]);
    expect(host.manager.countByState()).toEqual({ connected: 1 });
    const testMessage = await waitFor('the test message', () => fixture.salon.sentFromCompanions[0]);
    expect(testMessage).toMatchObject({ to: fixture.salon.number });
    expect(testMessage.text).toMatch(/^WhatsApp подключён.*\nWhatsApp is connected/);
  });

  it('shows the first code for a minute and returns it to all requests in that time', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const requestedAtMs = Date.now();
    const [first, second] = await Promise.all([
      host.manager.generateQRForCompany(fixture.companyId),
      host.manager.generateQRForCompany(fixture.companyId),
    ]);

    expect(first).toMatchObject({ sequence: 1 });
    expect(first.expiresAt.getTime() - requestedAtMs).toBeGreaterThanOrEqual(60_000);
    expect(first.expiresAt.getTime() - requestedAtMs).toBeLessThan(65_000);
    expect(second).toEqual(first);
    expect(await host.manager.generateQRForCompany(fixture.companyId)).toEqual(first);
    expect(fixture.countEvents('registration')).toBe(1);
  });

  it('replaces each code before it expires, reports the end and starts again on request', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { qrLifetimeMs: 150 } });
    await host.manager.generateQRForCompany(fixture.companyId);
    await host.waitForState(fixture.companyId, 'qr_expired');

    expect(host.qrCodes.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(new Set(host.qrCodes.map(({ text }) => text)).size).toBe(6);
    const gapsMs = host.qrCodes.slice(1).map((code, index) => {
      return code.expiresAt.getTime() - (host.qrCodes[index]?.expiresAt.getTime() ?? 0);
    });
    expect(Math.min(...gapsMs)).toBeGreaterThan(100);
    expect(host.manager.getLease(fixture.companyId)).toBeUndefined();

    const fresh = await host.manager.generateQRForCompany(fixture.companyId);
    expect(fresh.sequence).toBe(1);
    await fixture.salon.scan(fresh.text);
    await host.waitForState(fixture.companyId, 'connected');
  });

  it('works with a code typed on the phone', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const { code, expiresAt } = await host.manager.requestPairingCode(fixture.companyId, '8 903 111-22-33');
    expect(code).toMatch(/^[A-Z0-9]{8}$/);
    expect(expiresAt.getTime()).toBeGreaterThan(Date.now() + 100_000);
    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(host.connections).toMatchObject([{ phone: '+79031112233', firstTime: true }]);
  });

  it('shows a new code by itself when WhatsApp restarts between code and scan', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const lost = await host.manager.generateQRForCompany(fixture.companyId);
    fixture.whatsapp.endAll(503);
    const next = await waitFor('the next code', () => host.qrCodes[1]);
    expect(next.sequence).toBe(2);
    await expect(fixture.salon.scan(lost.text)).rejects.toBeInstanceOf(PairingError);
    await fixture.salon.scan(next.text);
    await host.waitForState(fixture.companyId, 'connected');
  });

  it('times out while WhatsApp is unreachable, and works afterwards', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { firstQrTimeoutMs: 500, responseTimeoutMs: 300 } });
    fixture.whatsapp.refuseUpgrades(503);
    await expect(host.manager.generateQRForCompany(fixture.companyId)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    fixture.whatsapp.refuseUpgrades(undefined);
    await waitFor('a code', () => host.qrCodes[0]);
    await host.link(fixture.companyId, fixture.salon);
  });

  it.each([
    ['banned', 403, /ограничил или заблокировал/, /restricted or banned/],
    ['stopped', 411, /Обновите WhatsApp/, /Update WhatsApp/],
    ['logged_out', 401, /отказался привязать/, /refused to link/],
  ] as const)('reports the cause when it ends as %s (%i)', async (state, code, russian, english) => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    fixture.whatsapp.refuseLogins(code);
    const error: unknown = await host.manager
      .generateQRForCompany(fixture.companyId)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED' });
    expect((error as AppError).text.ru).toMatch(russian);
    expect((error as AppError).text.en).toMatch(english);
    expect(host.manager.getSessionStatus(fixture.companyId)).toMatchObject({ state, detail: String(code) });
    expect(fixture.countEvents('registration refused')).toBe(1);
  });

  it('is refused for a connected salon and changes nothing', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    await expect(host.manager.generateQRForCompany(fixture.companyId)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(host.manager.getSessionStatus(fixture.companyId).state).toBe('connected');
  });
});

describe('the console', () => {
  const print = vi.fn<(...args: unknown[]) => void>();

  beforeEach(() => {
    for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
      vi.spyOn(console, method).mockImplementation(print);
    }
  });

  afterEach(() => vi.restoreAllMocks());

  it('stays silent while sessions are created, used and re-created', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const send = (text: string) => host.manager.sendMessage(fixture.companyId, fixture.client.number, text);
    await send('раз');
    fixture.client.forgetSessions();
    await send('два');
    await fixture.client.sendText(fixture.salon.number, 'ответ');
    await fixture.client.waitForMessage(({ text }) => text === 'два');
    expect(print).not.toHaveBeenCalled();
    expect(host.log.lines.join('\n')).not.toMatch(/7903111|79165550001|раз|privKey|chainKey/);
  });
});
