import type { CompanyId } from '../domain/ids.ts';

/** A company's own endpoint for received messages. */
export type OutgoingWebhook = Readonly<{
  /** UUID that changes with the URL. */
  version: string;
  url: string;
  /** `whsec_…`. The previous secret signs too until `previousSecretUntil`. */
  secret: string;
  previousSecret?: string;
  previousSecretUntil?: Date;
  disabledAt?: Date;
  /** Start of the current series of failed deliveries. */
  failingSince?: Date;
  createdAt: Date;
}>;

/** Endpoints of the companies; URL and secrets are stored encrypted. */
export interface OutgoingWebhooks {
  /** @returns undefined if the company has no webhook */
  get(companyId: CompanyId): Promise<OutgoingWebhook | undefined>;
  /**
   * Sets the URL and enables the webhook. An existing webhook keeps its secret.
   * @returns whether the webhook is new; undefined for an unknown company
   */
  save(companyId: CompanyId, url: string, secret: string): Promise<boolean | undefined>;
  /** Replaces the secret; the old one signs too for `overlapHours`. @returns false if there is no webhook */
  rotate(companyId: CompanyId, secret: string, overlapHours: number): Promise<boolean>;
  /** Deletes the webhook. Idempotent. */
  remove(companyId: CompanyId): Promise<void>;
  /** Disables the version, with its event. @returns whether it was enabled */
  disable(companyId: CompanyId, version: string, cause: string): Promise<boolean>;
  /** Starts or continues a failure series. @returns whether it now exceeds `alertAfterHours` for the first time */
  recordFailure(companyId: CompanyId, version: string, alertAfterHours: number): Promise<boolean>;
  /** Ends the failure series. */
  recordSuccess(companyId: CompanyId, version: string): Promise<void>;
}

/** Where a delivery goes. The message is signed with every secret. */
export type DeliveryTarget = Pick<OutgoingWebhook, 'version' | 'url'> &
  Readonly<{ secrets: readonly string[] }>;

/** One delivery; id and JSON body stay the same at each attempt. */
export type WebhookMessage = Readonly<{ id: string; body: string }>;

export type DeliveryResult =
  | Readonly<{ outcome: 'delivered' }>
  /** HTTP 410: the receiver unsubscribes. */
  | Readonly<{ outcome: 'gone' }>
  /** `reason` contains no URL, phone number or text. */
  | Readonly<{ outcome: 'failed'; reason: string; retryAfterMs?: number }>
  /** Not attempted: the circuit is open. `reason` is that of the last failure. */
  | Readonly<{ outcome: 'held'; reason: string; retryAfterMs: number }>;

export interface WebhookSender {
  /**
   * Runs `work` in a concurrency slot of the company, so that a slow receiver does not delay other companies.
   * @returns when to retry if no slot is free; `work` has not run then
   */
  runLimited(
    companyId: CompanyId,
    work: () => Promise<void>,
  ): Promise<'done' | Readonly<{ retryAfterMs: number }>>;
  /** Posts the message once, signed per Standard Webhooks. */
  deliver(companyId: CompanyId, target: DeliveryTarget, message: WebhookMessage): Promise<DeliveryResult>;
}
