import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import { SessionFixture } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const typed = '8 903 111-22-33';

describe('a pairing code', () => {
  it('that WhatsApp refuses is not shown, and says what to do instead; the QR code stays and links', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const { text } = await host.manager.generateQRForCompany(fixture.companyId);
    fixture.whatsapp.refusePairingCodes(400);
    const refused = await refusalOf(host.manager.requestPairingCode(fixture.companyId, typed));
    expect(refused).toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(refused.text.ru).toMatch(/не выдал код.*QR-код/);
    expect(refused.text.en).toMatch(/did not issue a code.*QR code/);

    await fixture.salon.scan(text);
    await host.waitForState(fixture.companyId, 'connected');
    expect(host.states).toEqual(['pairing', 'connecting', 'connected']);
  });

  it('that was asked for too often (429) tells the owner to wait, and works later on the same socket', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', true);
    const refused = await refusalOf(host.manager.requestPairingCode(fixture.companyId, typed));
    expect(refused.text.ru).toMatch(/слишком часто.*час/);
    expect(refused.text.en).toMatch(/rate-limited.*hour/);

    fixture.whatsapp.limitQueries('md/link_code_companion_reg', false);
    const { code } = await host.manager.requestPairingCode(fixture.companyId, typed);
    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(fixture.countEvents('registration')).toBe(1);
  });

  it('asked for twice at once, as by an impatient finger or two pages, is one code for both, and it links', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const asked = [typed, fixture.salon.number].map((phone) =>
      host.manager.requestPairingCode(fixture.companyId, phone),
    );
    const [first, second] = await Promise.all(asked);
    expect(second).toEqual(first);
    await fixture.salon.enterPairingCode(first?.code ?? '');
    await host.waitForState(fixture.companyId, 'connected');
    expect(fixture.countEvents('registration')).toBe(1);
  });

  it('asked for with two numbers at once is another one for each, and the later one links', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const asked = [fixture.client.number, typed].map((phone) =>
      host.manager.requestPairingCode(fixture.companyId, phone),
    );
    const [first, second] = await Promise.all(asked);
    expect(second?.code).not.toBe(first?.code);
    await fixture.salon.enterPairingCode(second?.code ?? '');
    await host.waitForState(fixture.companyId, 'connected');
  });

  it.each([
    ['of the same number', typed],
    ['of a mistyped number', '8 903 111-22-34'],
  ])('that is shown still links after a second request %s was refused', async (_whose, phone) => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const { code } = await host.manager.requestPairingCode(fixture.companyId, typed);
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', true);
    await refusalOf(host.manager.requestPairingCode(fixture.companyId, phone));
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', false);

    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(host.connections).toEqual([{ phone: '+79031112233', firstTime: true }]);
    expect(fixture.countEvents('registration')).toBe(1);
  });

  it('is told to everybody who watches, and taken back when a second request was not answered', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { lookupTimeoutMs: 300 } });
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    await refusalOf(host.manager.requestPairingCode(fixture.companyId, typed));
    expect(host.pairingCodes).toEqual([]);
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', false);

    const asked = [1, 2].map(() => host.manager.requestPairingCode(fixture.companyId, typed));
    const [code] = await Promise.all(asked);
    expect(code).toMatchObject({ phone: '+79031112233' });
    expect(host.pairingCodes).toEqual([code]);
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', true);
    await refusalOf(host.manager.requestPairingCode(fixture.companyId, typed));
    expect(host.pairingCodes).toHaveLength(1);
    fixture.whatsapp.limitQueries('md/link_code_companion_reg', false);

    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    await refusalOf(host.manager.requestPairingCode(fixture.companyId, '8 903 111-22-34'));
    expect(host.pairingCodes.slice(1)).toEqual([{ ...code, expiresAt: new Date(0) }]);
    await refusalOf(host.manager.requestPairingCode(fixture.companyId, typed));
    expect(host.pairingCodes).toHaveLength(2);
  });

  it('that is shown still links after a second request was not answered', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { lookupTimeoutMs: 1_000 } });
    const { code } = await host.manager.requestPairingCode(fixture.companyId, typed);
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    await refusalOf(host.manager.requestPairingCode(fixture.companyId, typed));
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', false);
    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(fixture.countEvents('registration')).toBe(1);
  });

  it('that WhatsApp does not answer for is not shown', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { lookupTimeoutMs: 300 } });
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    const refused = await refusalOf(host.manager.requestPairingCode(fixture.companyId, typed));
    expect(refused.text.ru).toContain('не ответил');
    expect(refused.text.en).toContain('did not respond');
  });

  it('survives "Invalid buffer": a notice of WhatsApp with nothing in it', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const { code } = await host.manager.requestPairingCode(fixture.companyId, typed);
    fixture.whatsapp.sendIncompleteCodeNotice(fixture.salon);
    await waitFor('the notice to be met', () =>
      host.log.lines.some((line) => line.includes('handling notification')),
    );
    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(fixture.countEvents('registration')).toBe(1);
    expect(host.states).toEqual(['pairing', 'connecting', 'connected']);
  });

  it('asked for when the socket is about to end gets a socket of its own, that lasts long enough to type it', async () => {
    const clock = { offsetMs: 0 };
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ now: () => new Date(Date.now() + clock.offsetMs) });
    const first = await host.manager.requestPairingCode(fixture.companyId, typed);
    clock.offsetMs = 55_000;
    const same = await host.manager.requestPairingCode(fixture.companyId, typed);
    expect(fixture.countEvents('registration')).toBe(1);
    expect(same.code).not.toBe(first.code);

    clock.offsetMs = 110_000;
    const last = await host.manager.requestPairingCode(fixture.companyId, typed);
    expect(fixture.countEvents('registration')).toBe(2);
    expect(last.expiresAt.getTime() - Date.now() - clock.offsetMs).toBeGreaterThan(140_000);
    await fixture.salon.enterPairingCode(last.code);
    await host.waitForState(fixture.companyId, 'connected');
  });
});

async function refusalOf(request: Promise<unknown>): Promise<AppError> {
  const error: unknown = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw new Error(`Not refused as expected: ${String(error)}`);
  return error;
}
