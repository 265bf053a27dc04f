import type { BusinessType } from '../domain/company/business-type.ts';
import type { IntegrationStatus, Company } from '../domain/company/company.ts';
import type { SalonId, CompanyId } from '../domain/ids.ts';
import type { SessionState } from '../domain/company/session-state.ts';
import type { Language } from '../domain/language.ts';

/** What the use cases need from the outside. Types only: this file has no runtime. */

export type NewCompany = Readonly<{
  salonId: SalonId;
  title: string;
  businessType: BusinessType;
  timeZone: string | undefined;
  language: Language;
  /** The platform's number of the person who connected the salon. An uninstalled company takes the new one. */
  ownerUserId?: number;
  /** Stored encrypted, found again by its hash. */
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

export interface Companies {
  /**
   * Idempotent by salon; an existing company keeps its secrets and its owner, gets the fresh title, type and zone. An
   * uninstalled one starts again as `pending_whatsapp`, with the new owner, new secrets and no WhatsApp.
   */
  createOrFind(company: NewCompany): Promise<Readonly<{ company: Company; created: boolean }>>;
  byId(id: CompanyId): Promise<Company | undefined>;
  bySalonId(salonId: SalonId): Promise<Company | undefined>;
  byApiKey(apiKey: string): Promise<Company | undefined>;
  getSecrets(id: CompanyId): Promise<CompanySecrets | undefined>;
  /** Writes the change and its event in one transaction; undefined when `to` cannot be reached from the present status. */
  transitionIntegration(id: CompanyId, to: IntegrationStatus, cause: string): Promise<Company | undefined>;
  /** Writes the session's state and its event in one transaction; the same state again writes no event. */
  recordSession(
    id: CompanyId,
    session: Readonly<{ state: SessionState; cause?: string; phone?: string }>,
  ): Promise<Company | undefined>;
  /** Companies whose integration has one of the statuses, oldest first. */
  withStatus(statuses: readonly IntegrationStatus[]): Promise<readonly Company[]>;
  /** Installed ones whose WhatsApp has been lost, refused or stopped, longest first. */
  withoutWhatsApp(limit: number): Promise<readonly Company[]>;
  stats(): Promise<ConnectionStats>;
}

/** Connect-page tokens that were issued; only their hash is kept. */
export interface ConnectTokens {
  save(tokenHash: string, companyId: CompanyId, expiresAt: Date): Promise<void>;
  isValid(tokenHash: string, companyId: CompanyId): Promise<boolean>;
  revokeAll(companyId: CompanyId): Promise<void>;
}

/** Tells whoever holds something open for a company that its tokens are good no longer. */
export interface Revocations {
  emit(name: 'revoked', companyId: CompanyId): unknown;
  on(name: 'revoked', listener: (companyId: CompanyId) => void): unknown;
}
