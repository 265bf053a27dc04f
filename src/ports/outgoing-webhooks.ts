import type { CompanyId } from '../domain/ids.ts';

/** Where a company wants to be told of what clients write. */
export type OutgoingWebhook = Readonly<{
  /** A UUID, another with each address. */
  version: string;
  url: string;
  /** `whsec_…`. The one before signs as well until its time. */
  secret: string;
  previousSecret?: string;
  previousSecretUntil?: Date;
  disabledAt?: Date;
  /** Since when nothing has been delivered. */
  failingSince?: Date;
  createdAt: Date;
}>;

export interface OutgoingWebhooks {
  get(companyId: CompanyId): Promise<OutgoingWebhook | undefined>;
  /**
   * Sets the address and enables it; the secret is taken when there was no webhook.
   * @returns whether there was none; undefined: the company is gone
   */
  save(companyId: CompanyId, url: string, secret: string): Promise<boolean | undefined>;
  /** @returns false when there is no webhook */
  rotate(companyId: CompanyId, secret: string, overlapHours: number): Promise<boolean>;
  remove(companyId: CompanyId): Promise<void>;
  /** @returns whether it was enabled until now */
  disable(companyId: CompanyId, version: string, cause: string): Promise<boolean>;
  /** @returns whether it has failed for so long, and that was not told before */
  recordFailure(companyId: CompanyId, version: string, alertAfterHours: number): Promise<boolean>;
  recordSuccess(companyId: CompanyId, version: string): Promise<void>;
}

/** One JSON text under one id, the same at each attempt. */
export type WebhookMessage = Readonly<{ id: string; body: string }>;

export type DeliveryResult =
  | Readonly<{ outcome: 'delivered' }>
  /** 410: the receiver wants no more. */
  | Readonly<{ outcome: 'gone' }>
  /** `reason` holds nothing of address, phone or text. */
  | Readonly<{ outcome: 'failed'; reason: string; retryAfterMs?: number }>
  /** Nothing was posted, since the receiver fails again and again; `reason`: how it failed last. */
  | Readonly<{ outcome: 'held'; reason: string; retryAfterMs: number }>;

export interface WebhookSender {
  /**
   * Does the work in one of the company's few lanes, so that a slow receiver holds up nobody else.
   * @returns how long to wait when all of them are taken; nothing has been done then
   */
  runLimited(
    companyId: CompanyId,
    work: () => Promise<void>,
  ): Promise<'done' | Readonly<{ retryAfterMs: number }>>;
  deliver(
    companyId: CompanyId,
    webhook: Readonly<{ version: string; url: string; secrets: readonly string[] }>,
    message: WebhookMessage,
  ): Promise<DeliveryResult>;
}
