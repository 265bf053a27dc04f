import { AppError } from '../domain/errors.ts';
import type { SalonId } from '../domain/ids.ts';
import type { ApplicationStatus, SalonInfo, YclientsPlatform } from '../marketplace/ports.ts';
import { exchange, OutageError, type Answer } from './http-exchange.ts';
import { RateBudget, type RateLimit } from './rate-budget.ts';
import { Resilience, type CircuitName, type ResilienceOptions } from './resilience.ts';
import {
  readApplicationStatus,
  readCompany,
  readEnvelope,
  readRecord,
  readSentence,
  readServiceTitles,
  RefusalError,
} from './response-schemas.ts';

export type Endpoint = 'company' | 'services' | 'application_status' | 'activate' | 'record';

/** How one request ended; `refused` is any 4xx but 429. */
export type Outcome = 'ok' | 'refused' | 'rate_limited' | OutageError['reason'];

export type Installation = Readonly<{
  salonId: SalonId;
  apiKey: string;
  webhookUrls: readonly string[];
  channels?: readonly ('sms' | 'whatsapp')[];
}>;

export type YclientsClientOptions = Readonly<{
  /** Such as `https://api.yclients.com`, without `/api/v1`. */
  apiUrl: string;
  /** Host of `/marketplace/…` where it is another one, as at Altegio. */
  marketplaceUrl?: string;
  partnerToken: string;
  /** Of the system user; one for all salons. Needed to read records. */
  userToken?: string;
  applicationId: number;
  /** Monotonic milliseconds. */
  now?: () => number;
  /** 0 … 1. */
  random: () => number;
  requestTimeoutMs?: number;
  limits?: readonly RateLimit[];
  /** Longest wait for the request budget. */
  maxWaitMs?: number;
  resilience?: Omit<ResilienceOptions, 'random'>;
  /** Called once for every request sent. */
  observe?: (endpoint: Endpoint, outcome: Outcome, seconds: number) => void;
}>;

type Request = Readonly<{
  endpoint: Endpoint;
  method?: 'GET' | 'POST';
  path: string;
  body?: unknown;
  retry?: false;
}>;

const alreadyInstalled = /уже установ|already (?:been )?installed/i;

/** The YCLIENTS (Altegio) API as far as this application needs it. */
export class YclientsClient implements YclientsPlatform {
  readonly #options: YclientsClientOptions;
  readonly #now: () => number;
  readonly #budget: RateBudget;
  readonly #resilience: Resilience;

  constructor(options: YclientsClientOptions) {
    const { now = () => performance.now(), random, limits, maxWaitMs, resilience } = options;
    this.#options = options;
    this.#now = now;
    this.#budget = new RateBudget({
      now,
      random,
      ...(limits === undefined ? {} : { limits }),
      ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    });
    this.#resilience = new Resilience({ ...resilience, random });
  }

  /**
   * `serviceTitles` is empty when the salon's services cannot be read; that alone is no failure.
   *
   * @throws AppError `COMPANY_NOT_FOUND`, `FORBIDDEN`, `UPSTREAM_ERROR`
   */
  async getCompany(salonId: SalonId): Promise<SalonInfo> {
    const company = await this.#call({ endpoint: 'company', path: `/api/v1/company/${salonId}` }, (answer) =>
      readCompany(dataOf(answer), salonId),
    );
    return { ...company, serviceTitles: await this.#serviceTitles(salonId) };
  }

  /** `uninstalled` also when the platform does not know the installation. @throws AppError `UPSTREAM_ERROR` */
  getApplicationStatus(salonId: SalonId): Promise<ApplicationStatus> {
    const path = `/marketplace/salon/${salonId}/application/${this.#options.applicationId}`;
    return this.#call({ endpoint: 'application_status', path }, (answer) =>
      answer.status === 403 || answer.status === 404 ? 'uninstalled' : readApplicationStatus(dataOf(answer)),
    );
  }

  /**
   * Finishes an installation to which the owner consented within the last hour. Never repeated here: after a retryable
   * error ask `getApplicationStatus` whether it took effect.
   *
   * @throws AppError `FORBIDDEN`, `COMPANY_NOT_FOUND`, `UPSTREAM_ERROR`
   */
  activate(installation: Installation): Promise<'activated' | 'already_installed'> {
    const { salonId, apiKey, webhookUrls, channels } = installation;
    const body = {
      salon_id: salonId,
      application_id: this.#options.applicationId,
      api_key: apiKey,
      webhook_urls: webhookUrls,
      ...(channels === undefined ? {} : { channels }),
    };
    const path = '/marketplace/partner/callback';
    return this.#call({ endpoint: 'activate', method: 'POST', path, body, retry: false }, (answer) => {
      // The body of a 201 is not described: it may be empty.
      if (answer.status < 300 && answer.body === undefined) return 'activated';
      if (alreadyInstalled.test(readSentence(answer.body))) return 'already_installed';
      dataOf(answer);
      return 'activated';
    });
  }

  /** The record in the form of a webhook's `data`. @throws AppError `COMPANY_NOT_FOUND`, `FORBIDDEN`, `UPSTREAM_ERROR` */
  getRecord(salonId: SalonId, recordId: number): Promise<Readonly<Record<string, unknown>>> {
    return this.#call({ endpoint: 'record', path: `/api/v1/record/${salonId}/${recordId}` }, (answer) =>
      readRecord(dataOf(answer)),
    );
  }

  /** State of the circuit breakers by group of endpoints. */
  circuits(): Record<string, CircuitName> {
    return this.#resilience.circuits();
  }

  async #serviceTitles(salonId: SalonId): Promise<readonly string[]> {
    try {
      return await this.#call(
        { endpoint: 'services', path: `/api/v1/book_services/${salonId}`, retry: false },
        (answer) => readServiceTitles(dataOf(answer)),
      );
    } catch (error) {
      // Seen by `observe`; the titles only help to guess the kind of business.
      if (error instanceof AppError) return [];
      throw error;
    }
  }

  #call<Value>(request: Request, read: (answer: Answer) => Value): Promise<Value> {
    return this.#resilience.run({
      group: request.path.startsWith('/marketplace/') ? 'marketplace' : 'rest',
      retry: request.retry ?? true,
      send: () => this.#send(request),
      read,
    });
  }

  async #send({ endpoint, method = 'GET', path, body }: Request): Promise<Answer> {
    await this.#budget.take();
    const startedAt = this.#now();
    const report = (outcome: Outcome) =>
      this.#options.observe?.(endpoint, outcome, (this.#now() - startedAt) / 1000);
    try {
      const answer = await exchange({
        method,
        ...this.#target(path),
        body,
        timeoutMs: this.#options.requestTimeoutMs ?? 10_000,
      });
      report(outcomeOf(answer.status));
      if (answer.status === 429) return { ...answer, retryAfterMs: this.#budget.pause(answer.retryAfterMs) };
      this.#budget.recovered();
      return answer;
    } catch (error) {
      if (error instanceof AppError && error.cause instanceof OutageError) report(error.cause.reason);
      throw error;
    }
  }

  /** The system user's token goes only where a user is asked for. */
  #target(path: string): Readonly<{ url: string; authorization: string }> {
    const { apiUrl, marketplaceUrl = apiUrl, partnerToken, userToken } = this.#options;
    const bearer = `Bearer ${partnerToken}`;
    if (path.startsWith('/marketplace/'))
      return { url: new URL(path, marketplaceUrl).href, authorization: bearer };
    return {
      url: new URL(path, apiUrl).href,
      authorization: userToken === undefined ? bearer : `${bearer}, User ${userToken}`,
    };
  }
}

function outcomeOf(status: number): Outcome {
  if (status === 429) return 'rate_limited';
  return status < 300 ? 'ok' : 'refused';
}

/** @throws AppError when the platform refused */
function dataOf(answer: Answer): unknown {
  const { status, body, retryAfterMs } = answer;
  if (status < 300) {
    const { success, data } = readEnvelope(body);
    if (success) return data;
  }
  const cause = new RefusalError(status, readSentence(answer.body));
  if (status === 404) throw new AppError('COMPANY_NOT_FOUND', { cause });
  if (status === 403) throw new AppError('FORBIDDEN', { cause });
  if (status !== 429) throw new AppError('UPSTREAM_ERROR', { retryable: false, cause });
  throw new AppError('UPSTREAM_ERROR', {
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }),
  });
}
