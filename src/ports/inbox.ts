import type { Company } from '../domain/company/company.ts';
import type { CompanyId } from '../domain/ids.ts';

/** A webhook in the generic form, sent by a system that holds the company's API key. */
export type GenericWebhook = Readonly<{
  /** `<resource>.<status>`, such as `record.create`. */
  type: string;
  data: Readonly<Record<string, unknown>>;
  timestamp: Date;
}>;

/** Authenticates the paths of entity webhooks. */
export interface WebhookAuthenticator {
  /** Whether the path matches the cache. Does not query the database. */
  isKnown(companyId: CompanyId, secret: string): boolean;
  /** The company of a webhook path. @throws AppError `INVALID_TOKEN`, `DB_ERROR` */
  authenticate(companyId: CompanyId, secret: string): Promise<Company>;
}

/** Accepts webhooks. When `accept…` resolves, the webhook is durable and will be processed. Repeats are accepted and ignored. */
export interface Inbox {
  /**
   * YCLIENTS does not resend, so webhooks of unknown shape are accepted too and quarantined.
   * @param body parsed JSON of an entity webhook
   * @param bytes source of `body`, which identifies repeats
   * @throws AppError `FORBIDDEN` if the body names another salon, `DB_ERROR`
   */
  acceptEntity(company: Company, body: unknown, bytes: Uint8Array): Promise<void>;
  /** Accepts a validated generic webhook. @throws AppError `DB_ERROR` */
  acceptGeneric(company: Company, webhook: GenericWebhook): Promise<void>;
}
