import { EventEmitter } from 'node:events';
import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { SalonId } from '../domain/ids.ts';
import type {
  ApplicationStatus,
  SalonInfo,
  AttendanceUpdate,
  Installation,
  YclientsApi,
} from '../ports/yclients.ts';
import { sendRequest, type HttpResponse } from './http-client.ts';
import { RateLimiter, type RateLimit, type RateLimiterDeps } from './rate-limiter.ts';
import { buildRecordUpdate, readRecord } from './record-update.ts';
import { Resilience, type ResilienceOptions } from './resilience.ts';
import {
  readApplicationStatus,
  readCompany,
  readEnvelope,
  readList,
  readErrorMessage,
  readServiceTitles,
  readWebhookUrls,
  YclientsApiError,
} from './response-schemas.ts';

export type YclientsClientDeps = RateLimiterDeps;

export type YclientsClientOptions = Readonly<{
  /** For example `https://api.yclients.com`, without `/api/v1`. */
  apiUrl: string;
  partnerToken: string;
  /** Token of the system user, shared by all salons. */
  userToken?: string;
  applicationId: number;
  requestTimeoutMs?: number;
  limits?: readonly RateLimit[];
  /** Maximum wait for the rate limit. */
  maxWaitMs?: number;
  resilience?: ResilienceOptions;
}>;

export type YclientsClientEvents = {
  /** The circuit breaker of an endpoint group opened or closed. */
  'breaker-state': [group: string, state: 'open' | 'closed'];
};

type ApiRequest = Readonly<{
  method?: 'GET' | 'POST' | 'PUT';
  path: string;
  body?: unknown;
  retry?: false;
}>;

const alreadyInstalledPattern = /уже установ|already (?:been )?installed/i;

/** Client of the parts of the YCLIENTS (Altegio) API that the application uses. */
export class YclientsClient extends EventEmitter<YclientsClientEvents> implements YclientsApi {
  readonly #options: YclientsClientOptions;
  readonly #rateLimiter: RateLimiter;
  readonly #resilience: Resilience;

  constructor({ monotonicMs, random }: YclientsClientDeps, options: YclientsClientOptions) {
    super();
    const { limits, maxWaitMs, resilience } = options;
    this.#options = options;
    this.#rateLimiter = new RateLimiter(
      { monotonicMs, random },
      { ...(limits !== undefined && { limits }), ...(maxWaitMs !== undefined && { maxWaitMs }) },
    );
    this.#resilience = new Resilience(
      { random, onBreakerChange: (group, state) => this.emit('breaker-state', group, state) },
      resilience,
    );
  }

  /**
   * `serviceTitles` is empty when the salon's services cannot be read.
   *
   * @throws AppError `COMPANY_NOT_FOUND`, `FORBIDDEN`, `UPSTREAM_ERROR`
   */
  async getCompany(salonId: SalonId): Promise<SalonInfo> {
    const company = await this.#call({ path: `/api/v1/company/${salonId}` }, (response) =>
      readCompany(responseData(response), salonId),
    );
    return { ...company, serviceTitles: await this.#fetchServiceTitles(salonId) };
  }

  /** Also `uninstalled` when YCLIENTS answers 403 or 404. @throws AppError `UPSTREAM_ERROR` */
  getApplicationStatus(salonId: SalonId): Promise<ApplicationStatus> {
    const path = `/marketplace/salon/${salonId}/application/${this.#options.applicationId}`;
    return this.#call({ path }, (response) =>
      response.status === 403 || response.status === 404
        ? 'uninstalled'
        : readApplicationStatus(responseData(response)),
    );
  }

  /**
   * Completes an installation within an hour of the owner's consent. Not retried: after a retryable error check with
   * `getApplicationStatus` whether it took effect.
   *
   * @throws AppError `FORBIDDEN`, `COMPANY_NOT_FOUND`, `UPSTREAM_ERROR`
   */
  activate(installation: Installation): Promise<'activated' | 'already_installed'> {
    const { salonId, apiKey, webhookUrls } = installation;
    const body = {
      salon_id: salonId,
      application_id: this.#options.applicationId,
      api_key: apiKey,
      webhook_urls: webhookUrls,
    };
    const path = '/marketplace/partner/callback';
    return this.#call({ method: 'POST', path, body, retry: false }, (response) => {
      // The API reference does not describe the body of a 201, so it may be empty.
      if (response.status < 300 && response.body === undefined) return 'activated';
      if (alreadyInstalledPattern.test(readErrorMessage(response.body))) return 'already_installed';
      responseData(response);
      return 'activated';
    });
  }

  /** @throws AppError `FORBIDDEN`, `UPSTREAM_ERROR` */
  async getRecord(salonId: SalonId, recordId: number): Promise<unknown> {
    return await this.#call({ path: recordPath(salonId, recordId) }, (response) =>
      response.status === 404 ? undefined : responseData(response),
    );
  }

  /**
   * The API reference does not document this list; the parameters are those of existing integrations.
   * @throws AppError `FORBIDDEN`, `COMPANY_NOT_FOUND`, `UPSTREAM_ERROR`
   */
  async listRecords(
    salonId: SalonId,
    query: Readonly<{ changedAfter: Date } | { startDate: string }> &
      Readonly<{ page: number; count: number }>,
  ): Promise<readonly unknown[]> {
    const search = new URLSearchParams({
      page: String(query.page),
      count: String(query.count),
      with_deleted: '1',
      ...('changedAfter' in query
        ? { changed_after: query.changedAfter.toISOString().replace('.000Z', '+00:00') }
        : { start_date: query.startDate }),
    });
    const path = `/api/v1/records/${salonId}?${search.toString()}`;
    return await this.#call({ path }, (response) => readList(responseData(response), 'records'));
  }

  /**
   * Changes attendance and comment only: a PUT requires the whole record, so it is read first. Idempotent, because a failed
   * request may have taken effect. YCLIENTS sends a webhook for this change too.
   * @throws AppError `FORBIDDEN` without the right to edit records, `COMPANY_NOT_FOUND`, `UPSTREAM_ERROR`
   */
  async updateAttendance(
    { salonId, timeZone }: Pick<Company, 'salonId' | 'timeZone'>,
    recordId: number,
    update: AttendanceUpdate,
  ): Promise<'updated' | 'gone'> {
    const data = await this.getRecord(salonId, recordId);
    const record = data === undefined ? undefined : readRecord(data);
    if (record === undefined || record.deleted) return 'gone';
    const body = buildRecordUpdate(record, update, timeZone);
    if (body !== undefined)
      await this.#call({ method: 'PUT', path: recordPath(salonId, recordId), body }, responseData);
    return 'updated';
  }

  /** @throws AppError `FORBIDDEN`, `UPSTREAM_ERROR` */
  async webhookUrls(salonId: SalonId): Promise<readonly string[]> {
    return await this.#call({ path: `/api/v1/hooks_settings/${salonId}` }, (response) =>
      readWebhookUrls(responseData(response)),
    );
  }

  async #fetchServiceTitles(salonId: SalonId): Promise<readonly string[]> {
    try {
      return await this.#call({ path: `/api/v1/book_services/${salonId}`, retry: false }, (response) =>
        readServiceTitles(responseData(response)),
      );
    } catch (error) {
      // Optional: the titles only help to detect the business type.
      if (error instanceof AppError) return [];
      throw error;
    }
  }

  #call<Value>(request: ApiRequest, read: (response: HttpResponse) => Value): Promise<Value> {
    return this.#resilience.run({
      group: request.path.startsWith('/marketplace/') ? 'marketplace' : 'rest',
      retry: request.retry ?? true,
      send: () => this.#send(request),
      read,
    });
  }

  async #send({ method = 'GET', path, body }: ApiRequest): Promise<HttpResponse> {
    await this.#rateLimiter.acquire();
    const response = await sendRequest({
      method,
      url: new URL(path, this.#options.apiUrl).href,
      authorization: this.#authorizationFor(path),
      body,
      timeoutMs: this.#options.requestTimeoutMs ?? 10_000,
    });
    if (response.status === 429)
      return { ...response, retryAfterMs: this.#rateLimiter.pause(response.retryAfterMs) };
    this.#rateLimiter.resetBackoff();
    return response;
  }

  /** Marketplace endpoints accept the partner token only. */
  #authorizationFor(path: string): string {
    const { partnerToken, userToken } = this.#options;
    const bearer = `Bearer ${partnerToken}`;
    return path.startsWith('/marketplace/') || userToken === undefined
      ? bearer
      : `${bearer}, User ${userToken}`;
  }
}

function recordPath(salonId: SalonId, recordId: number): string {
  return `/api/v1/record/${salonId}/${recordId}`;
}

/** @throws AppError for an error response, or `success: false` in a 2xx */
function responseData(response: HttpResponse): unknown {
  const { status, body, retryAfterMs } = response;
  if (status < 300) {
    const { success, data } = readEnvelope(body);
    if (success) return data;
  }
  const cause = new YclientsApiError(status, readErrorMessage(response.body));
  if (status === 404) throw new AppError('COMPANY_NOT_FOUND', { cause });
  if (status === 403) throw new AppError('FORBIDDEN', { cause });
  if (status !== 429) throw new AppError('UPSTREAM_ERROR', { retryable: false, cause });
  throw new AppError('UPSTREAM_ERROR', {
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }),
  });
}
