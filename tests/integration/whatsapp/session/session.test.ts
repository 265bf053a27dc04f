import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AppError } from '../../../../src/domain/errors/app-error.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { PairingError } from '../../../../dev-env/simulators/whatsapp/pairing/qr-code.ts';

describe('linking a salon', () => {
  it('goes from the QR code over the ordered restart to an open session, and greets the salon in its own chat', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    const code = await host.manager.generateQRForCompany(world.company);
    await world.salon.scan(code.text);
    await host.reaches(world.company, 'connected');

    expect(host.states).toEqual(['pairing', 'connecting', 'connected']);
    expect(host.connections).toEqual([{ phone: '+79031112233', firstTime: true }]);
    expect(host.disconnections).toEqual([]);
    expect(host.manager.getSessionStatus(world.company)).toMatchObject({
      state: 'connected',
      phone: '+79031112233',
    });
    expect(host.manager.getActiveSessions()).toMatchObject([{ companyId: world.company }]);
    expect(host.manager.countByState()).toEqual({ connected: 1 });
    const greeting = await waitFor('the test message', () => world.salon.sentFromCompanions[0]);
    expect(greeting).toMatchObject({ to: world.salon.number });
    expect(greeting.text).toMatch(/^WhatsApp подключён.*\nWhatsApp is connected/);
  });

  it('shows the first code for a minute and gives the same live code to whoever asks meanwhile', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    const askedAtMs = Date.now();
    const [first, second] = await Promise.all([
      host.manager.generateQRForCompany(world.company),
      host.manager.generateQRForCompany(world.company),
    ]);

    expect(first).toMatchObject({ sequence: 1 });
    expect(first.expiresAt.getTime() - askedAtMs).toBeGreaterThanOrEqual(60_000);
    expect(first.expiresAt.getTime() - askedAtMs).toBeLessThan(65_000);
    expect(second).toEqual(first);
    expect(await host.manager.generateQRForCompany(world.company)).toEqual(first);
    expect(world.happened('registration')).toBe(1);
  });

  it('replaces each code before it expires, says when they are used up, and starts anew on demand', async () => {
    await using world = await SessionWorld.start();
    const host = world.host({ timings: { qrLifetimeMs: 150 } });
    await host.manager.generateQRForCompany(world.company);
    await host.reaches(world.company, 'qr_expired');

    expect(host.qrCodes.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(new Set(host.qrCodes.map(({ text }) => text)).size).toBe(6);
    const gapsMs = host.qrCodes.slice(1).map((code, index) => {
      return code.expiresAt.getTime() - (host.qrCodes[index]?.expiresAt.getTime() ?? 0);
    });
    expect(Math.min(...gapsMs)).toBeGreaterThan(100);
    expect(host.manager.leaseOf(world.company)).toBeUndefined();

    const fresh = await host.manager.generateQRForCompany(world.company);
    expect(fresh.sequence).toBe(1);
    await world.salon.scan(fresh.text);
    await host.reaches(world.company, 'connected');
  });

  it('works by a code typed on the phone', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    const { code, expiresAt } = await host.manager.requestPairingCode(world.company, '8 903 111-22-33');
    expect(code).toMatch(/^[A-Z0-9]{8}$/);
    expect(expiresAt.getTime()).toBeGreaterThan(Date.now() + 100_000);
    await world.salon.enterPairingCode(code);
    await host.reaches(world.company, 'connected');
    expect(host.connections).toMatchObject([{ phone: '+79031112233', firstTime: true }]);
  });

  it('shows a new code by itself when WhatsApp restarts between code and scan', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    const lost = await host.manager.generateQRForCompany(world.company);
    world.whatsapp.endAll(503);
    const next = await waitFor('the next code', () => host.qrCodes[1]);
    expect(next.sequence).toBe(2);
    await expect(world.salon.scan(lost.text)).rejects.toBeInstanceOf(PairingError);
    await world.salon.scan(next.text);
    await host.reaches(world.company, 'connected');
  });

  it('fails within its time while WhatsApp cannot be reached, and works afterwards', async () => {
    await using world = await SessionWorld.start();
    const host = world.host({ timings: { firstQrTimeoutMs: 500, answerTimeoutMs: 300 } });
    world.whatsapp.refuseUpgrades(503);
    await expect(host.manager.generateQRForCompany(world.company)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    world.whatsapp.refuseUpgrades(undefined);
    await waitFor('a code', () => host.qrCodes[0]);
    await host.link(world.company, world.salon);
  });

  it.each([
    ['banned', 403, /ограничил или заблокировал/, /restricted or banned/],
    ['stopped', 411, /Обновите WhatsApp/, /Update WhatsApp/],
    ['logged_out', 401, /отказался привязать/, /refused to link/],
  ] as const)('that ends as %s (%i) says so in its own words', async (state, code, russian, english) => {
    await using world = await SessionWorld.start();
    const host = world.host();
    world.whatsapp.refuseLogins(code);
    const refused: unknown = await host.manager
      .generateQRForCompany(world.company)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'CONNECTION_FAILED' });
    expect((refused as AppError).text.ru).toMatch(russian);
    expect((refused as AppError).text.en).toMatch(english);
    expect(host.manager.getSessionStatus(world.company)).toMatchObject({ state, detail: String(code) });
    expect(world.happened('registration refused')).toBe(1);
  });

  it('of a connected salon is refused, and changes nothing', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    await expect(host.manager.generateQRForCompany(world.company)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(host.manager.getSessionStatus(world.company).state).toBe('connected');
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

  it('stays silent while sessions are set up, used and set up again', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const send = (text: string) => host.manager.sendMessage(world.company, world.client.number, text);
    await send('раз');
    world.client.forgetSessions();
    await send('два');
    await world.client.sendText(world.salon.number, 'ответ');
    await world.client.waitForMessage(({ text }) => text === 'два');
    expect(print).not.toHaveBeenCalled();
    expect(host.log.lines.join('\n')).not.toMatch(/7903111|79165550001|раз|privKey|chainKey/);
  });
});
