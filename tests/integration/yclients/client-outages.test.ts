import { describe, expect, it } from 'vitest';
import { YclientsClient } from '../../../src/yclients/yclients-client.ts';
import { waitFor } from '../../../dev-env/wait-for.ts';
import {
  companyEndpoint,
  captureAppError,
  salonId,
  startClient,
  unlimited,
} from '../../support/clients/yclients-client.ts';
import { startYclients } from '../../support/fixtures/yclients-fixture.ts';

describe('outages', () => {
  it('are ridden out by the second and third try', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(companyEndpoint, 500, { times: 2 });
    expect(await client.getCompany(salonId)).toMatchObject({ title: 'Ромашка' });
    expect(simulator.requests.map(({ status }) => status)).toEqual([500, 500, 200, 200]);
  });

  it('end in UPSTREAM_ERROR after three tries', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(companyEndpoint, 503);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({
      code: 'UPSTREAM_ERROR',
      httpStatus: 502,
      retryable: true,
    });
    expect(simulator.requests).toHaveLength(3);
  });

  it('include a maintenance page, a JSON cut short and a broken connection', async () => {
    const { simulator, client } = await startClient({ resilience: { attempts: 1 } });
    const outage = (reason: string) => ({ code: 'UPSTREAM_ERROR', retryable: true, cause: { reason } });
    simulator.html(companyEndpoint);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject(outage('not_json'));
    simulator.cutJson(companyEndpoint);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject(outage('not_json'));
    simulator.dropResponse(companyEndpoint);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject(outage('network'));
  });

  it('never quote what the platform sent', async () => {
    const { simulator, client } = await startClient({ resilience: { attempts: 1 } });
    simulator.html(companyEndpoint);
    const error = await captureAppError(client.getCompany(salonId));
    expect(`${error.stack} ${String(error.cause)}`).not.toContain('Технические');
  });

  it('include silence: the request ends at its timeout', async () => {
    const { simulator, client } = await startClient({ requestTimeoutMs: 50, resilience: { attempts: 2 } });
    simulator.hang(companyEndpoint);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({
      code: 'UPSTREAM_ERROR',
      cause: { reason: 'timeout' },
    });
  });

  it('are told at once when the platform cannot be reached', async () => {
    const { simulator, client } = await startClient();
    await simulator[Symbol.asyncDispose]();
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({
      code: 'UPSTREAM_ERROR',
      retryable: true,
    });
  });
});

describe('circuit breaker', () => {
  const quick = { resilience: { attempts: 1, breakerFailures: 5, breakerOpenMs: 150 } };

  async function opened() {
    const started = await startClient(quick);
    started.simulator.refuse(companyEndpoint, 500);
    for (let failure = 0; failure < 5; failure += 1)
      await captureAppError(started.client.getCompany(salonId));
    return started;
  }

  it('opens after five outages in a row and spares the platform, for this group of endpoints only', async () => {
    const { simulator, client } = await opened();
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({
      code: 'UPSTREAM_ERROR',
      retryable: true,
      retryAfterSeconds: 1,
    });
    expect(simulator.requests).toHaveLength(5);
    expect(await client.getApplicationStatus(salonId)).toBe('uninstalled');
  });

  it('probes with one request and closes when it succeeds', async () => {
    const { simulator, client } = await opened();
    simulator.restore();
    simulator.limitRates(unlimited);
    const title = await waitFor('the probe', async () => {
      const [first] = await Promise.allSettled([client.getCompany(salonId), client.getCompany(salonId)]);
      return first.status === 'fulfilled' && first.value.title;
    });
    expect(title).toBe('Ромашка');
    const together = await Promise.all(Array.from({ length: 3 }, () => client.getCompany(salonId)));
    expect(together).toHaveLength(3);
  });

  it('opens again when the probe fails, while the others wait for it instead of trying', async () => {
    const { simulator, client } = await opened();
    await waitFor('the probe', async () => {
      const together = Array.from({ length: 4 }, () => client.getCompany(salonId));
      await Promise.allSettled(together);
      return simulator.requests.length > 5;
    });
    expect(simulator.requests).toHaveLength(6);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({ retryAfterSeconds: 1 });
    expect(simulator.requests).toHaveLength(6);
  });

  it('does not open because one company is refused, nor because of 429', async () => {
    const { simulator, client } = await startClient({ ...quick, maxWaitMs: 60_000 });
    simulator.refuse(companyEndpoint, 403);
    for (let refusal = 0; refusal < 8; refusal += 1) await captureAppError(client.getCompany(salonId));
    simulator.refuse(companyEndpoint, 429, { headers: { 'retry-after': '0' } });
    for (let refusal = 0; refusal < 8; refusal += 1) await captureAppError(client.getCompany(salonId));
    expect(simulator.requests).toHaveLength(16);
  });
});

describe('request budget', () => {
  it('never makes the platform answer 429, however many ask at once', async () => {
    const simulator = await startYclients();
    const client = new YclientsClient({
      apiUrl: simulator.url,
      ...simulator.credentials,
      random: () => 0.5,
    });
    await Promise.all(Array.from({ length: 9 }, () => client.getApplicationStatus(salonId)));
    expect(simulator.requests.map(({ status }) => status)).not.toContain(429);
    expect(simulator.requests).toHaveLength(9);
  });

  it('waits as long as Retry-After says, then succeeds', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(companyEndpoint, 429, { times: 1, headers: { 'retry-after': '1' } });
    const startedAt = performance.now();
    expect(await client.getCompany(salonId)).toMatchObject({ title: 'Ромашка' });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(990);
  });

  it('slows everybody down after a 429 that names no time', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(companyEndpoint, 429, { times: 1 });
    const startedAt = performance.now();
    const first = client.getCompany(salonId);
    await waitFor('the refusal', () => simulator.requests[0]?.status === 429);
    await Promise.all([first, client.getApplicationStatus(salonId)]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1490);
  });

  it('makes one try at a time while the platform refuses, however many wait (fault 13)', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(/\/application\//, 429, { times: 2 });
    const callers = 8;
    const answers = Array.from({ length: callers }, () => client.getApplicationStatus(salonId));
    expect(await Promise.all(answers)).toEqual(answers.map(() => 'uninstalled'));
    // No caller made a try of its own during the pauses.
    expect(simulator.requests.filter(({ status }) => status === 429)).toHaveLength(2);
    expect(simulator.requests).toHaveLength(callers + 2);
  }, 20_000);

  it('turns callers away with the time to wait when the pause is too long to hold them', async () => {
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
