import { expect, it } from 'vitest';
import { waitFor } from '../../../dev-env/wait-for.ts';
import { companyId, token } from '../../support/fixtures/test-companies.ts';
import { SessionFixture } from '../../support/fixtures/whatsapp/session-fixture.ts';
import { startHttpTestServer } from '../../support/servers/http-test-server.ts';
import { startSocketTestServer } from '../../support/servers/socket-test-server.ts';

it('GET /marketplace/qr responds 410 after the last code of a pairing; ?new=1 restarts it', async () => {
  await using fixture = await SessionFixture.start();
  const host = fixture.host({ timeouts: { qrLifetimeMs: 150 } });
  const { manager } = host;
  await using server = await startHttpTestServer({
    service: {
      generateQR: async (id) => {
        const code = await manager.generateQRForCompany(id);
        return { ...code, qr: code.text };
      },
      sessionStatus: async (id) => manager.getSessionStatus(id),
    },
  });
  const get = async (path: string) => {
    const response = await fetch(`${server.url}/marketplace/${path}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const first = await get('qr');
  expect(first.status).toBe(200);
  await host.waitForState(companyId, 'qr_expired');

  for (const path of ['qr', `qr/${token}`, 'qr?new=0']) {
    expect(await get(path)).toMatchObject({ status: 410, body: { code: 'QR_EXPIRED' } });
  }
  expect(manager.getSessionStatus(companyId).state).toBe('qr_expired');

  const renewed = await get('qr?new=1');
  expect(renewed.status).toBe(200);
  expect(renewed.body['qr']).not.toBe(first.body['qr']);
});

it('POST /marketplace/pairing-code also sends the code to the open pages of the company', async () => {
  await using fixture = await SessionFixture.start();
  const { manager } = fixture.host();
  await using pages = await startSocketTestServer();
  manager.on('state', (id, status) => pages.sessions.emit('state', id, status));
  manager.on('qr', (id, code) => pages.sessions.emit('qr', id, code));
  manager.on('pairing-code', (id, code) => pages.sessions.emit('pairing-code', id, code));
  await using server = await startHttpTestServer({
    service: { requestPairingCode: (id, phone) => manager.requestPairingCode(id, phone) },
  });
  const page = pages.open();
  await waitFor('the page to join', () => page.payloads('session-state').length > 0);

  const response = await fetch(`${server.url}/marketplace/pairing-code`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ phone: fixture.salon.number }),
  });
  const { code } = (await response.json()) as { code: string };
  const shown = await waitFor('the code', () => page.payloads('pairing-code')[0]);
  expect(shown).toMatchObject({ code, phone: `+${fixture.salon.number}` });
  expect(page.payloads('session-state').at(-1)).toMatchObject({ state: 'pairing' });
  await waitFor('the QR code beside it', () => page.payloads('qr-update').length > 0);
});
