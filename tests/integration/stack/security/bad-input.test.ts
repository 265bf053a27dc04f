import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkSalon, fetchStats } from '../../../../dev-env/clients/linked-salon.ts';
import {
  sendRequest,
  uniqueClientIp,
  openRegistration,
  fetchStatus,
} from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { badRequests, type BadRequestContext } from '../../../support/faults/bad-requests.ts';

const jwtSecret = 'a-secret-of-this-test-and-of-nothing-else-0123456789';
const otherSalon = { id: 530_002, title: 'Салон «Лён»', timeZone: 'Europe/Moscow' } as const;

describe('bad input to a running server', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let context: BadRequestContext;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(
      await startStack({
        useDatabaseTemplate: true,
        environment: { TRUST_PROXY: '1', JWT_SECRET: jwtSecret },
      }),
    );
    stack.yclients.addSalon(otherSalon);
    const salon = await linkSalon(stack);
    const [otherToken = ''] = await openRegistration(stack.yclients.pressConnect(otherSalon.id));
    context = {
      url: stack.url,
      jwtSecret,
      platform: stack.yclients.credentials,
      salon,
      otherSalonId: otherSalon.id,
      otherToken,
    };
  });
  afterAll(() => scope.disposeAsync());

  it.each(badRequests)(
    'rejects $what with $status $code and changes nothing',
    async ({ request, status, code }) => {
      const before = await snapshotState(stack);
      const [url, options] = await request(context);
      const response = await sendRequest(url, options);
      const body = (await response.json()) as Record<string, unknown>;
      expect({ status: response.status, code: body['code'] }).toEqual({ status, code });
      expect(body).toMatchObject({ success: false, requestId: expect.any(String) as unknown });
      expect(body['error']).toMatch(/^[А-ЯЁ].*\.$/s);
      expect(JSON.stringify(body)).not.toMatch(/ at .*\.(?:ts|js)|node_modules/);
      expect(await snapshotState(stack)).toEqual(before);
    },
  );

  it.each(['polling', 'websocket'])('rejects Socket.IO by %s from a foreign origin', async (transport) => {
    const attempt = async (origin: string): Promise<string> => {
      const socket = io(`${stack.url}/marketplace`, {
        transports: [transport],
        auth: { token: context.otherToken },
        extraHeaders: { origin, 'x-forwarded-for': uniqueClientIp() },
        reconnection: false,
        forceNew: true,
      });
      const { promise, resolve } = Promise.withResolvers<string>();
      socket.on('connect', () => resolve('connected'));
      socket.on('connect_error', () => resolve('refused'));
      const outcome = await promise;
      socket.disconnect();
      return outcome;
    };
    const before = await snapshotState(stack);
    expect(await attempt('https://evil.example')).toBe('refused');
    expect(await attempt('null')).toBe('refused');
    expect(await snapshotState(stack)).toEqual(before);
    expect(await attempt(new URL(stack.url).origin)).toBe('connected');
  });

  it('leaves the linked salon connected and sends no message', async () => {
    expect(await fetchStatus(stack.url, context.salon.token)).toMatchObject({
      session_state: 'connected',
      integration_status: 'active',
    });
    expect(stack.whatsapp.phone(clientNumber).inbox).toEqual([]);
  });
});

/** State that a rejected request must not change. */
async function snapshotState(stack: Stack): Promise<unknown> {
  const business = /"message":"(?:Webhook|Message|Company|Integration|WhatsApp|QR)/;
  return {
    stats: await fetchStats(stack),
    linked: [...stack.whatsapp.log].filter(({ type }) => type === 'registration' || type === 'message')
      .length,
    events: stack.server.output.split('\n').filter((line) => business.test(line)).length,
  };
}
