import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

const phoneInput = '8 903 111-22-33';

describe('a pairing code', () => {
  it('that WhatsApp refuses is not shown; the QR code still links', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const { text } = await host.manager.generateQRForCompany(fixture.companyId);
    fixture.whatsapp.refusePairingCodes(400);
    const error = await requestError(host.manager.requestPairingCode(fixture.companyId, phoneInput));
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(error.text.ru).toMatch(/не выдал код.*QR-код/);
    expect(error.text.en).toMatch(/did not issue a code.*QR code/);

    await fixture.salon.scan(text);
    await host.waitForState(fixture.companyId, 'connected');
    expect(host.states).toEqual(['pairing', 'connecting', 'connected']);
  });

  it('reports a rate limit (429) and works later on the same socket', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', true);
    const error = await requestError(host.manager.requestPairingCode(fixture.companyId, phoneInput));
    expect(error.text.ru).toMatch(/слишком часто.*час/);
    expect(error.text.en).toMatch(/rate-limited.*hour/);

    fixture.whatsapp.limitQueries('md/link_code_companion_reg', false);
    const { code } = await host.manager.requestPairingCode(fixture.companyId, phoneInput);
    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(fixture.countEvents('registration')).toBe(1);
  });

  it('is shared by concurrent requests for one number, and links', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const requests = [phoneInput, fixture.salon.number].map((phone) =>
      host.manager.requestPairingCode(fixture.companyId, phone),
    );
    const [first, second] = await Promise.all(requests);
    expect(second).toEqual(first);
    await fixture.salon.enterPairingCode(first?.code ?? '');
    await host.waitForState(fixture.companyId, 'connected');
    expect(fixture.countEvents('registration')).toBe(1);
  });

  it('differs between concurrent requests for two numbers, and the later one links', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const requests = [fixture.client.number, phoneInput].map((phone) =>
      host.manager.requestPairingCode(fixture.companyId, phone),
    );
    const [first, second] = await Promise.all(requests);
    expect(second?.code).not.toBe(first?.code);
    await fixture.salon.enterPairingCode(second?.code ?? '');
    await host.waitForState(fixture.companyId, 'connected');
  });

  it.each([
    ['for the same number', phoneInput],
    ['for a mistyped number', '8 903 111-22-34'],
  ])('still links after a second request %s was refused', async (_number, phone) => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const { code } = await host.manager.requestPairingCode(fixture.companyId, phoneInput);
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', true);
    await requestError(host.manager.requestPairingCode(fixture.companyId, phone));
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', false);

    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(host.connections).toEqual([{ phone: '+79031112233', firstTime: true }]);
    expect(fixture.countEvents('registration')).toBe(1);
  });

  it('is published to all watchers and revoked when a second request times out', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { lookupTimeoutMs: 300 } });
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    await requestError(host.manager.requestPairingCode(fixture.companyId, phoneInput));
    expect(host.pairingCodes).toEqual([]);
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', false);

    const requests = [1, 2].map(() => host.manager.requestPairingCode(fixture.companyId, phoneInput));
    const [code] = await Promise.all(requests);
    expect(code).toMatchObject({ phone: '+79031112233' });
    expect(host.pairingCodes).toEqual([code]);
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', true);
    await requestError(host.manager.requestPairingCode(fixture.companyId, phoneInput));
    expect(host.pairingCodes).toHaveLength(1);
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', false);

    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    await requestError(host.manager.requestPairingCode(fixture.companyId, '8 903 111-22-34'));
    expect(host.pairingCodes.slice(1)).toEqual([{ ...code, expiresAt: new Date(0) }]);
    await requestError(host.manager.requestPairingCode(fixture.companyId, phoneInput));
    expect(host.pairingCodes).toHaveLength(2);
  });

  it('still links after a second request timed out', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { lookupTimeoutMs: 1_000 } });
    const { code } = await host.manager.requestPairingCode(fixture.companyId, phoneInput);
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    await requestError(host.manager.requestPairingCode(fixture.companyId, phoneInput));
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', false);
    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(fixture.countEvents('registration')).toBe(1);
  });

  it('is not shown when WhatsApp does not respond', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { lookupTimeoutMs: 300 } });
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    const error = await requestError(host.manager.requestPairingCode(fixture.companyId, phoneInput));
    expect(error.text.ru).toContain('не ответил');
    expect(error.text.en).toContain('did not respond');
  });

  it('survives an incomplete WhatsApp notification ("Invalid buffer")', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const { code } = await host.manager.requestPairingCode(fixture.companyId, phoneInput);
    fixture.whatsapp.sendIncompleteCodeNotice(fixture.salon);
    await waitFor('the notification to fail', () =>
      host.log.lines.some((line) => line.includes('handling notification')),
    );
    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(fixture.countEvents('registration')).toBe(1);
    expect(host.states).toEqual(['pairing', 'connecting', 'connected']);
  });

  it('gets a new socket when the current one closes too soon to type it', async () => {
    const clock = { offsetMs: 0 };
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ now: () => new Date(Date.now() + clock.offsetMs) });
    const first = await host.manager.requestPairingCode(fixture.companyId, phoneInput);
    clock.offsetMs = 55_000;
    const same = await host.manager.requestPairingCode(fixture.companyId, phoneInput);
    expect(fixture.countEvents('registration')).toBe(1);
    expect(same.code).not.toBe(first.code);

    clock.offsetMs = 110_000;
    const last = await host.manager.requestPairingCode(fixture.companyId, phoneInput);
    expect(fixture.countEvents('registration')).toBe(2);
    expect(last.expiresAt.getTime() - Date.now() - clock.offsetMs).toBeGreaterThan(140_000);
    await fixture.salon.enterPairingCode(last.code);
    await host.waitForState(fixture.companyId, 'connected');
  });
});

async function requestError(request: Promise<unknown>): Promise<AppError> {
  const error: unknown = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw new Error(`Not an AppError: ${String(error)}`);
  return error;
}
