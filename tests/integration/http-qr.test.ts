import { expect, it } from 'vitest';
import { companyId, token } from '../harness/edge-companies.ts';
import { startHttpEdge } from '../harness/http-edge.ts';
import { SessionWorld } from '../harness/session-world.ts';

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
