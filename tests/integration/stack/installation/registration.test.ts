import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { linkSalon, fetchStats, waitUntilActive } from '../../../../dev-env/clients/linked-salon.ts';
import {
  sendRequest,
  companyIdFromToken,
  ConnectPageClient,
  openRegistration,
  fetchStatus,
} from '../../../../dev-env/clients/test-clients.ts';
import { adminApiKey, startStack, type Stack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const activationEndpoint = 'POST /marketplace/partner/callback';
const eva = { user_id: 999, name: 'Ева', email: 'eva@example.com', phone: '79009998877' };

describe('registration and activation', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let lastSalonId = 520_000;
  let lastNumber = 79_005_550_000;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
  });
  afterEach(() => stack.yclients.restore());
  afterAll(() => scope.disposeAsync());

  const newSalon = (): number => {
    lastSalonId += 1;
    stack.yclients.addSalon({ id: lastSalonId, title: `Салон ${lastSalonId}`, timeZone: 'Europe/Moscow' });
    return lastSalonId;
  };
  const newNumber = (): string => {
    lastNumber += 1;
    return String(lastNumber);
  };
  /** @returns the token of the link that the operator hands to the owner */
  const registerByOperator = async (salonId: number): Promise<string> => {
    const response = await sendRequest(`${stack.url}/marketplace/register`, {
      headers: { 'x-api-key': adminApiKey },
      body: { salon_id: salonId },
    });
    const { connect_url: link } = (await response.json()) as { connect_url: string };
    return new URLSearchParams(new URL(link).hash.slice(1)).get('token') ?? '';
  };
  const activationCount = (): number =>
    stack.yclients.requests.filter(({ path }) => path.endsWith('/partner/callback')).length;

  it('registers a list of salons, each with its own token and phone', async () => {
    const ids = [newSalon(), newSalon()];
    const before = await fetchStats(stack);
    const tokens = await openRegistration(stack.yclients.pressConnect(ids));
    expect(new Set(tokens.map(companyIdFromToken)).size).toBe(2);
    expect((await fetchStats(stack)).total).toBe(before.total + 2);
    for (const [index, token] of tokens.entries()) {
      const owner = stack.whatsapp.phone(newNumber());
      using page = new ConnectPageClient(stack.url, token);
      await owner.scan((await page.requestQr()).text);
      await waitUntilActive(stack, token);
      expect(await fetchStatus(stack.url, token)).toMatchObject({
        salon_id: ids[index],
        whatsapp_phone: `+${owner.number}`,
      });
    }
  });

  it('registers a salon once for concurrent redirects', async () => {
    const id = newSalon();
    const before = await fetchStats(stack);
    const redirect = stack.yclients.pressConnect(id);
    const visits = await Promise.all(Array.from({ length: 5 }, () => openRegistration(redirect)));
    expect(new Set(visits.flat().map(companyIdFromToken)).size).toBe(1);
    expect(new Set(visits.flat()).size).toBe(5);
    expect((await fetchStats(stack)).total).toBe(before.total + 1);
  });

  it('shows the state of a connected salon on a second visit without a new pairing', async () => {
    const salon = await linkSalon(stack, { salonId: newSalon(), number: newNumber() });
    const registrations = () => stack.whatsapp.log.filter(({ type }) => type === 'registration').length;
    const before = registrations();
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(salon.salonId));
    using page = new ConnectPageClient(stack.url, token);
    await waitFor('the state on the page', () => page.states.includes('connected'));
    page.socket.emit('request-qr');
    await waitFor('the error', () => page.errors.length > 0);
    expect(page.errors[0]?.code).toBe('FORBIDDEN');
    expect(page.codes).toEqual([]);
    expect(registrations()).toBe(before);
    expect(await fetchStatus(stack.url, token)).toMatchObject({
      integration_status: 'active',
      session_state: 'connected',
    });
  });

  describe('rejects a redirect without side effects', () => {
    const invalidRedirects: readonly [string, () => URL, number, string][] = [
      [
        'without signature',
        () => stack.yclients.pressConnect(newSalon(), { signature: 'missing' }),
        401,
        'INVALID_TOKEN',
      ],
      [
        'with a forged signature',
        () => stack.yclients.pressConnect(newSalon(), { signature: 'forged' }),
        401,
        'INVALID_TOKEN',
      ],
      [
        'with a signature over the base64 instead of the data',
        () => stack.yclients.pressConnect(newSalon(), { signature: 'over-base64' }),
        401,
        'INVALID_TOKEN',
      ],
      [
        'with a signature of other data',
        () => {
          const url = stack.yclients.pressConnect(newSalon());
          const other = stack.yclients.pressConnect(newSalon(), {
            userData: { user_id: 999, name: 'Ева', email: 'eva@example.com', phone: '79009998877' },
          });
          url.searchParams.set('user_data', other.searchParams.get('user_data') ?? '');
          return url;
        },
        401,
        'INVALID_TOKEN',
      ],
      [
        'replayed for a salon without the application',
        () => {
          const url = stack.yclients.pressConnect(newSalon());
          url.searchParams.set('salon_id', String(newSalon()));
          return url;
        },
        403,
        'FORBIDDEN',
      ],
      [
        'to a list with one salon that has not installed the application',
        () => {
          const url = stack.yclients.pressConnect([newSalon(), newSalon()]);
          url.searchParams.append('salon_ids[]', String(newSalon()));
          return url;
        },
        403,
        'FORBIDDEN',
      ],
      [
        'to a salon unknown to YCLIENTS',
        () => {
          const url = stack.yclients.pressConnect(newSalon());
          url.searchParams.set('salon_id', '999999999');
          return url;
        },
        404,
        'COMPANY_NOT_FOUND',
      ],
      [
        'without a salon',
        () => {
          const url = stack.yclients.pressConnect(newSalon());
          url.searchParams.delete('salon_id');
          return url;
        },
        400,
        'VALIDATION_ERROR',
      ],
    ];

    it.each(invalidRedirects)('%s', async (_what, redirect, status, code) => {
      const url = redirect();
      const before = await fetchStats(stack);
      const page = await sendRequest(url, { headers: { accept: 'text/html,*/*;q=0.8' } });
      expect(page.status).toBe(status);
      expect(page.headers.get('content-type')).toContain('text/html');
      expect(await page.text()).toContain(code);
      const response = await sendRequest(url, { headers: { accept: 'application/json' } });
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({
        success: false,
        code,
        error: expect.stringMatching(/[а-яё]/i) as unknown,
        requestId: expect.any(String) as unknown,
      });
      expect(await fetchStats(stack)).toEqual(before);
    });

    it('of another user to a connected salon', async () => {
      const salon = await linkSalon(stack, { salonId: newSalon(), number: newNumber() });
      const before = await fetchStats(stack);
      const response = await sendRequest(
        stack.yclients.pressConnect(salon.salonId, {
          userData: { user_id: 999, name: 'Ева', email: 'eva@example.com', phone: '79009998877' },
        }),
        { headers: { accept: 'application/json' } },
      );
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ code: 'FORBIDDEN' });
      expect(await fetchStats(stack)).toEqual(before);
      expect(await fetchStatus(stack.url, salon.token)).toMatchObject({ session_state: 'connected' });
    });

    it('of a user to a salon that the operator registered and its owner linked', async () => {
      const salonId = newSalon();
      stack.yclients.pressConnect(salonId);
      const token = await registerByOperator(salonId);
      using page = new ConnectPageClient(stack.url, token);
      await stack.whatsapp.phone(newNumber()).scan((await page.requestQr()).text);
      await waitUntilActive(stack, token);
      const before = await fetchStats(stack);
      // A redirect signed for another user and salon, with the number of this one.
      const url = stack.yclients.pressConnect(newSalon(), { userData: eva });
      url.searchParams.set('salon_id', String(salonId));
      const response = await sendRequest(url, { headers: { accept: 'application/json' } });
      expect(response.status).toBe(403);
      expect(response.headers.get('location')).toBeNull();
      expect(await response.json()).toMatchObject({
        code: 'FORBIDDEN',
        error: expect.stringContaining('Попросите у оператора новую ссылку') as unknown,
      });
      expect(await fetchStats(stack)).toEqual(before);
      expect(await fetchStatus(stack.url, token)).toMatchObject({ session_state: 'connected' });
      expect(companyIdFromToken(await registerByOperator(salonId))).toBe(companyIdFromToken(token));
    });
  });

  it('gives a fresh salon to one of two users who request it at once', async () => {
    for (let round = 0; round < 3; round += 1) {
      const salonId = newSalon();
      const visits = [
        stack.yclients.pressConnect(salonId),
        stack.yclients.pressConnect(salonId, { userData: eva }),
      ];
      const open = async (): Promise<number[]> =>
        await Promise.all(visits.map(async (visit) => (await sendRequest(visit)).status));
      const statuses = await open();
      expect(statuses.toSorted((a, b) => a - b)).toEqual([303, 403]);
      expect(await open()).toEqual(statuses);
    }
  });

  it('closes the page of the operator’s link when the owner opens an unused salon', async () => {
    const salonId = newSalon();
    const token = await registerByOperator(salonId);
    using page = new ConnectPageClient(stack.url, token);
    await waitFor('the page to join', () => page.states.length > 0);
    const [owned = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
    await waitFor('the page to close', () => page.errors.some(({ code }) => code === 'INVALID_TOKEN'));
    expect(await fetchStatus(stack.url, owned)).toMatchObject({ salon_id: salonId });
  });

  it('activates once when the response of the activation is lost', async () => {
    const salonId = newSalon();
    stack.yclients.dropResponse(activationEndpoint, { times: 1 });
    const salon = await linkSalon(stack, { salonId, number: newNumber() });
    expect(stack.yclients.salon(salonId).status).toBe('active');
    expect(stack.yclients.salon(salonId).transitions.map(({ status_to }) => status_to)).toEqual([
      'pending',
      'active',
    ]);
    expect(salon.apiKey).toMatch(/^ymk_/);
  });

  it('treats "already installed" as an activation', async () => {
    const salonId = newSalon();
    stack.yclients.refuse(activationEndpoint, 422, {
      times: 1,
      body: {
        success: false,
        data: null,
        meta: { message: 'Пользователь уже установил это приложение.' },
      },
    });
    const before = activationCount();
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
    using page = new ConnectPageClient(stack.url, token);
    await stack.whatsapp.phone(newNumber()).scan((await page.requestQr()).text);
    await waitUntilActive(stack, token);
    expect(activationCount()).toBe(before + 1);
  });

  it('retries the activation after errors and shows activation_failed in the meantime', async () => {
    const salonId = newSalon();
    stack.yclients.refuse(activationEndpoint, 500);
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
    using page = new ConnectPageClient(stack.url, token);
    await stack.whatsapp.phone(newNumber()).scan((await page.requestQr()).text);
    await waitFor(
      'the failure to show',
      async () => (await fetchStatus(stack.url, token)).integration_status === 'activation_failed',
      20_000,
    );
    stack.yclients.restore();
    await waitUntilActive(stack, token, 40_000);
    expect(stack.yclients.salon(salonId).status).toBe('active');
  }, 90_000);

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'completes the activation after a %s during it',
    async (signal) => {
      const salonId = newSalon();
      stack.yclients.hang(activationEndpoint, { times: 1 });
      const [token = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
      using page = new ConnectPageClient(stack.url, token);
      const before = activationCount();
      await stack.whatsapp.phone(newNumber()).scan((await page.requestQr()).text);
      await waitFor('the activation to be under way', () => activationCount() > before, 15_000);
      await stack.server.stop(signal);
      expect(stack.yclients.salon(salonId).status).toBe('pending');
      await stack.server.start();
      await waitUntilActive(stack, token, 40_000);
      expect(stack.yclients.salon(salonId).status).toBe('active');
    },
    90_000,
  );
});
