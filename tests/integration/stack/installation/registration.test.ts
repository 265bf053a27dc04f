import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { linkSalon, fetchStats, waitUntilActive } from '../../../../dev-env/clients/linked-salon.ts';
import {
  sendRequest,
  companyIdFromToken,
  ConnectPageClient,
  openRegistration,
  fetchStatus,
} from '../../../../dev-env/clients/test-clients.ts';
import { startStack, type Stack } from '../../../../dev-env/network.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';

const activationEndpoint = 'POST /marketplace/partner/callback';

describe('registration and activation', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salons = 520_000;
  let phones = 79_005_550_000;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
  });
  afterEach(() => stack.yclients.restore());
  afterAll(() => scope.disposeAsync());

  const newSalon = (): number => {
    salons += 1;
    stack.yclients.addSalon({ id: salons, title: `Салон ${salons}`, timeZone: 'Europe/Moscow' });
    return salons;
  };
  const newNumber = (): string => {
    phones += 1;
    return String(phones);
  };
  const pressed = (): number =>
    stack.yclients.requests.filter(({ path }) => path.endsWith('/partner/callback')).length;

  it('registers a list of salons at once: each gets a token and pairs a phone of its own', async () => {
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

  it('registers the same salon once, however often its button is pressed', async () => {
    const id = newSalon();
    const before = await fetchStats(stack);
    const redirect = stack.yclients.pressConnect(id);
    const visits = await Promise.all(Array.from({ length: 5 }, () => openRegistration(redirect)));
    expect(new Set(visits.flat().map(companyIdFromToken)).size).toBe(1);
    expect(new Set(visits.flat()).size).toBe(5);
    expect((await fetchStats(stack)).total).toBe(before.total + 1);
  });

  it('shows the state of a connected salon on a second visit, and starts nothing', async () => {
    const salon = await linkSalon(stack, { salonId: newSalon(), number: newNumber() });
    const registrations = () => stack.whatsapp.log.filter(({ type }) => type === 'registration').length;
    const before = registrations();
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(salon.salonId));
    using page = new ConnectPageClient(stack.url, token);
    await waitFor('the state on the page', () => page.states.includes('connected'));
    page.socket.emit('request-qr');
    await waitFor('a refusal', () => page.errors.length > 0);
    expect(page.errors[0]?.code).toBe('FORBIDDEN');
    expect(page.codes).toEqual([]);
    expect(registrations()).toBe(before);
    expect(await fetchStatus(stack.url, token)).toMatchObject({
      integration_status: 'active',
      session_state: 'connected',
    });
  });

  describe('leaves no trace of a visit', () => {
    const refusals: readonly [string, () => URL, number, string][] = [
      [
        'that is not signed',
        () => stack.yclients.pressConnect(newSalon(), { signature: 'missing' }),
        401,
        'INVALID_TOKEN',
      ],
      [
        'whose signature is forged',
        () => stack.yclients.pressConnect(newSalon(), { signature: 'forged' }),
        401,
        'INVALID_TOKEN',
      ],
      [
        'whose signature covers the base64 and not the data',
        () => stack.yclients.pressConnect(newSalon(), { signature: 'over-base64' }),
        401,
        'INVALID_TOKEN',
      ],
      [
        'whose signature was made for other data',
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
        'that is replayed for a salon without the application',
        () => {
          const url = stack.yclients.pressConnect(newSalon());
          url.searchParams.set('salon_id', String(newSalon()));
          return url;
        },
        403,
        'FORBIDDEN',
      ],
      [
        'to a list of which one salon has not installed the application',
        () => {
          const url = stack.yclients.pressConnect([newSalon(), newSalon()]);
          url.searchParams.append('salon_ids[]', String(newSalon()));
          return url;
        },
        403,
        'FORBIDDEN',
      ],
      [
        'to a salon that the platform does not know',
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

    it.each(refusals)('%s', async (_what, redirect, status, code) => {
      const url = redirect();
      const before = await fetchStats(stack);
      const page = await sendRequest(url, { headers: { accept: 'text/html,*/*;q=0.8' } });
      expect(page.status).toBe(status);
      expect(page.headers.get('content-type')).toContain('text/html');
      expect(await page.text()).toContain(code);
      const answer = await sendRequest(url, { headers: { accept: 'application/json' } });
      expect(answer.status).toBe(status);
      expect(await answer.json()).toMatchObject({
        success: false,
        code,
        error: expect.stringMatching(/[а-яё]/i) as unknown,
        requestId: expect.any(String) as unknown,
      });
      expect(await fetchStats(stack)).toEqual(before);
    });

    it("by another user to somebody's connected salon", async () => {
      const salon = await linkSalon(stack, { salonId: newSalon(), number: newNumber() });
      const before = await fetchStats(stack);
      const answer = await sendRequest(
        stack.yclients.pressConnect(salon.salonId, {
          userData: { user_id: 999, name: 'Ева', email: 'eva@example.com', phone: '79009998877' },
        }),
        { headers: { accept: 'application/json' } },
      );
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ code: 'FORBIDDEN' });
      expect(await fetchStats(stack)).toEqual(before);
      expect(await fetchStatus(stack.url, salon.token)).toMatchObject({ session_state: 'connected' });
    });
  });

  it('is activated although the answer to its activation was lost, and is told so only once', async () => {
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

  it('takes "already installed" for an activation', async () => {
    const salonId = newSalon();
    stack.yclients.refuse(activationEndpoint, 422, {
      times: 1,
      body: {
        success: false,
        data: null,
        meta: { message: 'Пользователь уже установил это приложение.' },
      },
    });
    const before = pressed();
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
    using page = new ConnectPageClient(stack.url, token);
    await stack.whatsapp.phone(newNumber()).scan((await page.requestQr()).text);
    await waitUntilActive(stack, token);
    expect(pressed()).toBe(before + 1);
  });

  it('is activated when the platform answers 500 for a while, and says activation_failed meanwhile', async () => {
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
    'is activated although %s came in the middle of it',
    async (signal) => {
      const salonId = newSalon();
      stack.yclients.hang(activationEndpoint, { times: 1 });
      const [token = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
      using page = new ConnectPageClient(stack.url, token);
      const before = pressed();
      await stack.whatsapp.phone(newNumber()).scan((await page.requestQr()).text);
      await waitFor('the activation to be under way', () => pressed() > before, 15_000);
      await stack.server.stop(signal);
      expect(stack.yclients.salon(salonId).status).toBe('pending');
      await stack.server.start();
      await waitUntilActive(stack, token, 40_000);
      expect(stack.yclients.salon(salonId).status).toBe('active');
    },
    90_000,
  );
});
