import { expect, it } from 'vitest';
import { companyId, token } from '../../support/fixtures/test-companies.ts';
import { startHttpEdge } from '../../support/servers/http-test-server.ts';
import { SessionWorld } from '../../support/fixtures/session-fixture.ts';
import { startSocketEdge } from '../../support/servers/socket-test-server.ts';
import { waitFor } from '../../../dev-env/wait-for.ts';

it('GET /marketplace/qr says 410 after the last code of a real pairing, and starts anew when asked to', async () => {
  await using world = await SessionWorld.start();
  const host = world.host({ timings: { qrLifetimeMs: 150 } });
  const { manager } = host;
  await using edge = await startHttpEdge({
    service: {
      generateQR: async (id) => {
        const { text, expiresAt } = await manager.generateQRForCompany(id);
        return { qr: text, expiresAt };
      },
      sessionStatus: async (id) => manager.getSessionStatus(id),
    },
  });
  const ask = async (path: string) => {
    const response = await fetch(`${edge.url}/marketplace/${path}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const first = await ask('qr');
  expect(first.status).toBe(200);
  await host.reaches(companyId, 'qr_expired');

  for (const path of ['qr', `qr/${token}`, 'qr?new=0']) {
    expect(await ask(path)).toMatchObject({ status: 410, body: { code: 'QR_EXPIRED' } });
  }
  expect(manager.getSessionStatus(companyId).state).toBe('qr_expired');

  const anew = await ask('qr?new=1');
  expect(anew.status).toBe(200);
  expect(anew.body['qr']).not.toBe(first.body['qr']);
});

it('POST /marketplace/pairing-code shows the code of a real pairing to every open page of its company', async () => {
  await using world = await SessionWorld.start();
  const { manager } = world.host();
  await using pages = await startSocketEdge();
  manager.on('state', (id, status) => pages.sessions.emit('state', id, status));
  manager.on('qr', (id, code) => pages.sessions.emit('qr', id, code));
  manager.on('pairing-code', (id, code) => pages.sessions.emit('pairing-code', id, code));
  await using edge = await startHttpEdge({
    service: { requestPairingCode: (id, phone) => manager.requestPairingCode(id, phone) },
  });
  const page = pages.open();
  await waitFor('the page to join', () => page.payloadsOf('session-state').length > 0);

  const response = await fetch(`${edge.url}/marketplace/pairing-code`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ phone: world.salon.number }),
  });
  const { code } = (await response.json()) as { code: string };
  const shown = await waitFor('the code', () => page.payloadsOf('pairing-code')[0]);
  expect(shown).toMatchObject({ code, phone: `+${world.salon.number}` });
  expect(page.payloadsOf('session-state').at(-1)).toMatchObject({ state: 'pairing' });
  await waitFor('the QR code beside it', () => page.payloadsOf('qr-update').length > 0);
});
