import type { BusinessType } from '../domain/company/business-type.ts';
import type { IntegrationStatus, Company } from '../domain/company/company.ts';
import type { SessionState } from '../domain/company/session-state.ts';
import type { SalonId, CompanyId } from '../domain/ids.ts';
import type { Language } from '../domain/language.ts';

export type NewCompany = Readonly<{
  salonId: SalonId;
  title: string;
  businessType: BusinessType;
  timeZone: string | undefined;
  language: Language;
  /** YCLIENTS user id of the person who connected the salon. */
  ownerUserId?: number;
  /** Stored encrypted, looked up by its hash. */
  apiKey: string;
  webhookSecret: string;
}>;

export type CompanySecrets = Readonly<{ apiKey: string; webhookSecret: string }>;

export type ConnectionStats = Readonly<{
  total: number;
  connected: number;
  pending: number;
  disconnected: number;
  byStatus: Readonly<Partial<Record<IntegrationStatus, number>>>;
  last24h: Readonly<{ newConnections: number; disconnections: number }>;
}>;

export type CompanyRegistration = Readonly<{
  company: Company;
  created: boolean;
  /** A company without owner got this one; tokens issued before are revoked. */
  claimed: boolean;
}>;

export interface Companies {
  /**
   * Idempotent per salon. An existing company keeps its secrets and owner; title, type and time zone are updated. An
   * uninstalled one is reset to `pending_whatsapp` with the new owner and secrets and without a WhatsApp number.
   *
   * With `ownerUserId`, a company of another owner, or one without owner that is in use, is returned unchanged: compare
   * the owner of the result.
   */
  createOrFind(company: NewCompany): Promise<CompanyRegistration>;
  /** Owner that the salon would have after a registration by this user. Only `createOrFind` decides. */
  ownerPreview(salonId: SalonId, userId: number): Promise<number | undefined>;
  /** @returns undefined for an unknown id */
  byId(id: CompanyId): Promise<Company | undefined>;
  /** @returns undefined for an unknown salon */
  bySalonId(salonId: SalonId): Promise<Company | undefined>;
  /** @returns undefined for an unknown key */
  byApiKey(apiKey: string): Promise<Company | undefined>;
  /** Decrypted. @throws UnreadableSecretError if the encryption key is missing */
  getSecrets(id: CompanyId): Promise<CompanySecrets | undefined>;
  /**
   * Writes the status and its event in one transaction.
   * @returns undefined if the current status does not allow the transition
   */
  transitionIntegration(id: CompanyId, to: IntegrationStatus, cause: string): Promise<Company | undefined>;
  /** Writes the session state and its event in one transaction. An unchanged state writes no event. */
  recordSession(
    id: CompanyId,
    session: Readonly<{ state: SessionState; cause?: string; phone?: string }>,
  ): Promise<Company | undefined>;
  /** Companies whose integration has one of the statuses, oldest first. */
  withStatus(statuses: readonly IntegrationStatus[]): Promise<readonly Company[]>;
  /** Installed companies whose WhatsApp is disconnected, refused or stopped, longest first. */
  withoutWhatsApp(limit: number): Promise<readonly Company[]>;
  /** Counts over all companies. */
  stats(): Promise<ConnectionStats>;
}

/** Issued connect-page tokens, stored as hashes. */
export interface ConnectTokens {
  /** Makes the token valid until `expiresAt`. */
  save(tokenHash: string, companyId: CompanyId, expiresAt: Date): Promise<void>;
  /** Whether the token was issued for the company and has neither expired nor been revoked. */
  isValid(tokenHash: string, companyId: CompanyId): Promise<boolean>;
  /** Revokes every token of the company. */
  revokeAll(companyId: CompanyId): Promise<void>;
}

/** Emits `revoked` when the tokens of a company are revoked, so that open pages and sockets close. */
export interface Revocations {
  emit(name: 'revoked', companyId: CompanyId): unknown;
  on(name: 'revoked', listener: (companyId: CompanyId) => void): unknown;
}
