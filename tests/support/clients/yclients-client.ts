import type { YclientsSimulator } from '../../../dev-env/simulators/yclients/yclients-simulator.ts';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { salonIdFrom } from '../../../src/domain/ids.ts';
import { YclientsClient, type YclientsClientOptions } from '../../../src/yclients/yclients-client.ts';
import { startYclients } from '../fixtures/yclients-fixture.ts';

export const salonId = salonIdFrom(510_001);
export const companyEndpoint = 'GET /api/v1/company/*';
export const callbackEndpoint = 'POST /marketplace/partner/callback';
export const installation = { salonId, apiKey: 'key', webhookUrls: ['https://app.example/hook'] };
/** Rate limit that no test reaches unless it sets its own. */
export const unlimited = { perSecond: 1000, perMinute: 1000 };

/** A client with minimal retry delays and without a rate limit. */
export function createClient(
  simulator: YclientsSimulator,
  options: Partial<YclientsClientOptions> = {},
): YclientsClient {
  const { resilience, ...rest } = options;
  return new YclientsClient(
    { monotonicMs: () => performance.now(), random: () => 0.5 },
    {
      apiUrl: simulator.url,
      ...simulator.credentials,
      requestTimeoutMs: 2000,
      limits: [{ requests: 1000, windowMs: 1000 }],
      ...rest,
      resilience: { retryBaseMs: 1, ...resilience },
    },
  );
}

/** The simulator without limits, and a client for it. */
export async function startClient(options: Partial<YclientsClientOptions> = {}) {
  const simulator = await startYclients();
  simulator.limitRates(unlimited);
  return { simulator, client: createClient(simulator, options) };
}

export async function captureAppError(call: Promise<unknown>): Promise<AppError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('The call succeeded');
}
