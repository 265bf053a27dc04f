import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../dev-env/wait-for.ts';
import { YclientsClient } from '../../../src/yclients/yclients-client.ts';
import {
  companyEndpoint,
  captureAppError,
  salonId,
  startClient,
  unlimited,
} from '../../support/clients/yclients-client.ts';
import { startYclients } from '../../support/fixtures/yclients-fixture.ts';

describe('YCLIENTS outages', () => {
  it('cause no error when the third attempt succeeds', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(companyEndpoint, 500, { times: 2 });
    expect(await client.getCompany(salonId)).toMatchObject({ title: 'Ромашка' });
    expect(simulator.requests.map(({ status }) => status)).toEqual([500, 500, 200, 200]);
  });

  it('cause UPSTREAM_ERROR after three attempts', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(companyEndpoint, 503);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({
      code: 'UPSTREAM_ERROR',
      httpStatus: 502,
      retryable: true,
    });
    expect(simulator.requests).toHaveLength(3);
  });

  it('include an HTML page, truncated JSON and a dropped connection', async () => {
    const { simulator, client } = await startClient({ resilience: { attempts: 1 } });
    const outage = (reason: string) => ({ code: 'UPSTREAM_ERROR', retryable: true, cause: { reason } });
    simulator.html(companyEndpoint);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject(outage('not_json'));
    simulator.cutJson(companyEndpoint);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject(outage('not_json'));
    simulator.dropResponse(companyEndpoint);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject(outage('network'));
  });

  it('are reported without the response body', async () => {
    const { simulator, client } = await startClient({ resilience: { attempts: 1 } });
    simulator.html(companyEndpoint);
    const error = await captureAppError(client.getCompany(salonId));
    expect(`${error.stack} ${String(error.cause)}`).not.toContain('Технические');
  });

  it('include a request timeout', async () => {
    const { simulator, client } = await startClient({ requestTimeoutMs: 50, resilience: { attempts: 2 } });
    simulator.hang(companyEndpoint);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({
      code: 'UPSTREAM_ERROR',
      cause: { reason: 'timeout' },
    });
  });

  it('include an unreachable host', async () => {
    const { simulator, client } = await startClient();
    await simulator[Symbol.asyncDispose]();
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({
      code: 'UPSTREAM_ERROR',
      retryable: true,
    });
  });
});

describe('the YCLIENTS circuit breaker', () => {
  const options = { resilience: { attempts: 1, breakerFailures: 5, breakerOpenMs: 150 } };

  async function openCircuit() {
    const started = await startClient(options);
    started.simulator.refuse(companyEndpoint, 500);
    for (let failure = 0; failure < 5; failure += 1)
      await captureAppError(started.client.getCompany(salonId));
    return started;
  }

  it('opens after five consecutive outages, for one group of endpoints', async () => {
    const { simulator, client } = await openCircuit();
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({
      code: 'UPSTREAM_ERROR',
      retryable: true,
      retryAfterSeconds: 1,
    });
    expect(simulator.requests).toHaveLength(5);
    expect(await client.getApplicationStatus(salonId)).toBe('uninstalled');
  });

  it('sends one trial request and closes when it succeeds', async () => {
    const { simulator, client } = await openCircuit();
    simulator.restore();
    simulator.limitRates(unlimited);
    const title = await waitFor('the trial request', async () => {
      const [first] = await Promise.allSettled([client.getCompany(salonId), client.getCompany(salonId)]);
      return first.status === 'fulfilled' && first.value.title;
    });
    expect(title).toBe('Ромашка');
    const calls = await Promise.all(Array.from({ length: 3 }, () => client.getCompany(salonId)));
    expect(calls).toHaveLength(3);
  });

  it('stays open when the trial request fails, without requests of other callers', async () => {
    const { simulator, client } = await openCircuit();
    await waitFor('the trial request', async () => {
      const calls = Array.from({ length: 4 }, () => client.getCompany(salonId));
      await Promise.allSettled(calls);
      return simulator.requests.length > 5;
    });
    expect(simulator.requests).toHaveLength(6);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({ retryAfterSeconds: 1 });
    expect(simulator.requests).toHaveLength(6);
  });

  it('ignores 403 and 429', async () => {
    const { simulator, client } = await startClient({ ...options, maxWaitMs: 60_000 });
    simulator.refuse(companyEndpoint, 403);
    for (let refusal = 0; refusal < 8; refusal += 1) await captureAppError(client.getCompany(salonId));
    simulator.refuse(companyEndpoint, 429, { headers: { 'retry-after': '0' } });
    for (let refusal = 0; refusal < 8; refusal += 1) await captureAppError(client.getCompany(salonId));
    expect(simulator.requests).toHaveLength(16);
  });
});

describe('the YCLIENTS rate limit', () => {
  it('is not exceeded by concurrent calls', async () => {
    const simulator = await startYclients();
    const client = new YclientsClient(
      { monotonicMs: () => performance.now(), random: () => 0.5 },
      { apiUrl: simulator.url, ...simulator.credentials },
    );
    await Promise.all(Array.from({ length: 9 }, () => client.getApplicationStatus(salonId)));
    expect(simulator.requests.map(({ status }) => status)).not.toContain(429);
    expect(simulator.requests).toHaveLength(9);
  });

  it('waits for Retry-After, then succeeds', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(companyEndpoint, 429, { times: 1, headers: { 'retry-after': '1' } });
    const startedAtMs = performance.now();
    expect(await client.getCompany(salonId)).toMatchObject({ title: 'Ромашка' });
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(990);
  });

  it('pauses all callers after a 429 without Retry-After', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(companyEndpoint, 429, { times: 1 });
    const startedAtMs = performance.now();
    const first = client.getCompany(salonId);
    await waitFor('the 429', () => simulator.requests[0]?.status === 429);
    await Promise.all([first, client.getApplicationStatus(salonId)]);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(1490);
  });

  it('allows one attempt per pause while YCLIENTS answers 429', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(/\/application\//, 429, { times: 2 });
    const callers = 8;
    const calls = Array.from({ length: callers }, () => client.getApplicationStatus(salonId));
    expect(await Promise.all(calls)).toEqual(calls.map(() => 'uninstalled'));
    // No caller sent a request during the pauses.
    expect(simulator.requests.filter(({ status }) => status === 429)).toHaveLength(2);
    expect(simulator.requests).toHaveLength(callers + 2);
  }, 20_000);

  it('rejects callers with the remaining time when the pause exceeds the maximum wait', async () => {
    const { simulator, client } = await startClient({ maxWaitMs: 1000 });
    simulator.refuse(companyEndpoint, 429, { headers: { 'retry-after': '30' } });
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({
      code: 'UPSTREAM_ERROR',
      retryable: true,
      retryAfterSeconds: 30,
    });
    expect(simulator.requests).toHaveLength(1);
  });
});
