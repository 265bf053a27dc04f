import { companySecretContext } from '../../crypto/encryption-context.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import type { Keyring } from '../../crypto/keyring.ts';
import { businessTypes } from '../../domain/company/business-type.ts';
import { integrationStatuses } from '../../domain/company/company.ts';
import type { Company, IntegrationStatus } from '../../domain/company/company.ts';
import { sessionStates } from '../../domain/company/session-state.ts';
import type { SessionState } from '../../domain/company/session-state.ts';
import { companyIdFrom, salonIdFrom } from '../../domain/ids.ts';
import type { CompanyId, SalonId } from '../../domain/ids.ts';
import { languages } from '../../domain/language.ts';
import type {
  Companies,
  CompanyRegistration,
  CompanySecrets,
  ConnectionStats,
  NewCompany,
} from '../../ports/companies.ts';
import type { Rpc } from '../rpc/client.ts';
import { RowReader } from '../rpc/row-reader.ts';

/** Companies. Secrets are encrypted before they leave the process and looked up by their SHA-256. */
export class StoredCompanies implements Companies {
  readonly #rpc: Rpc;
  readonly #keyring: Keyring;

  constructor(rpc: Rpc, keyring: Keyring) {
    this.#rpc = rpc;
    this.#keyring = keyring;
  }

  async createOrFind(company: NewCompany): Promise<CompanyRegistration> {
    const { salonId } = company;
    const result = new RowReader(
      await this.#rpc.call('company_create_or_find', {
        p_salon_id: salonId,
        p_title: company.title,
        p_business_type: company.businessType,
        p_time_zone: company.timeZone ?? null,
        p_language: company.language,
        p_owner_user_id: company.ownerUserId ?? null,
        p_api_key: this.#keyring
          .seal(companySecretContext(salonId, 'api_key'), company.apiKey)
          .toString('base64'),
        p_api_key_hash: sha256Hex(company.apiKey),
        p_webhook_secret: this.#keyring
          .seal(companySecretContext(salonId, 'webhook_secret'), company.webhookSecret)
          .toString('base64'),
        p_webhook_secret_hash: sha256Hex(company.webhookSecret),
      }),
    );
    return {
      company: companyFrom(result.object('company')),
      created: result.boolean('created'),
      claimed: result.boolean('claimed'),
    };
  }

  async ownerPreview(salonId: SalonId, userId: number): Promise<number | undefined> {
    const args = { p_salon_id: salonId, p_user_id: userId };
    const owner = await this.#rpc.call('company_owner_preview', args);
    return owner === null ? undefined : Number(owner);
  }

  byId(id: CompanyId): Promise<Company | undefined> {
    return this.#find('company_by_id', { p_company_id: id });
  }

  bySalonId(salonId: SalonId): Promise<Company | undefined> {
    return this.#find('company_by_salon', { p_salon_id: salonId });
  }

  byApiKey(apiKey: string): Promise<Company | undefined> {
    return this.#find('company_by_api_key_hash', { p_api_key_hash: sha256Hex(apiKey) });
  }

  async getSecrets(id: CompanyId): Promise<CompanySecrets | undefined> {
    const row = await this.#rpc.row('company_secrets_get', { p_company_id: id });
    if (row === undefined) return undefined;
    const salonId = salonIdFrom(row.number('salon_id'));
    const open = (column: string): string =>
      this.#keyring
        .open(companySecretContext(salonId, column), Buffer.from(row.text(column), 'hex'))
        .toString();
    return { apiKey: open('api_key'), webhookSecret: open('webhook_secret') };
  }

  transitionIntegration(id: CompanyId, to: IntegrationStatus, cause: string): Promise<Company | undefined> {
    return this.#find('company_transition_integration', { p_company_id: id, p_to: to, p_cause: cause });
  }

  recordSession(
    id: CompanyId,
    session: Readonly<{ state: SessionState; cause?: string; phone?: string }>,
  ): Promise<Company | undefined> {
    return this.#find('company_record_session', {
      p_company_id: id,
      p_state: session.state,
      p_cause: session.cause ?? null,
      p_phone: session.phone ?? null,
    });
  }

  async withStatus(statuses: readonly IntegrationStatus[]): Promise<readonly Company[]> {
    const rows = await this.#rpc.rows('companies_with_status', { p_statuses: statuses });
    return rows.map(companyFrom);
  }

  async withoutWhatsApp(limit: number): Promise<readonly Company[]> {
    const rows = await this.#rpc.rows('companies_without_whatsapp', { p_limit: limit });
    return rows.map(companyFrom);
  }

  async stats(): Promise<ConnectionStats> {
    const stats = new RowReader(await this.#rpc.call('connection_stats'));
    const byStatus = stats.object('by_status');
    const last24h = stats.object('last_24h');
    const entries = integrationStatuses.flatMap((status) => {
      const companies = byStatus.optionalNumber(status);
      return companies === undefined ? [] : [[status, companies] as const];
    });
    return {
      total: stats.number('total'),
      connected: stats.number('connected'),
      pending: stats.number('pending'),
      disconnected: stats.number('disconnected'),
      byStatus: Object.fromEntries(entries),
      last24h: {
        newConnections: last24h.number('new_connections'),
        disconnections: last24h.number('disconnections'),
      },
    };
  }

  async #find(name: string, args: Readonly<Record<string, unknown>>): Promise<Company | undefined> {
    const row = await this.#rpc.row(name, args);
    return row && companyFrom(row);
  }
}

function companyFrom(row: RowReader): Company {
  return {
    id: companyIdFrom(row.number('id')),
    salonId: salonIdFrom(row.number('salon_id')),
    title: row.text('title'),
    businessType: row.oneOf(businessTypes, 'business_type'),
    timeZone: row.optionalText('time_zone'),
    language: row.oneOf(languages, 'language'),
    ownerUserId: row.optionalNumber('owner_user_id'),
    integrationStatus: row.oneOf(integrationStatuses, 'integration_status'),
    sessionState: row.oneOf(sessionStates, 'session_state'),
    sessionStateSince: row.date('session_state_since'),
    sessionCause: row.optionalText('session_cause'),
    whatsappPhone: row.optionalText('whatsapp_phone'),
    connectedAt: row.optionalDate('connected_at'),
    webhookSecretHash: row.text('webhook_secret_hash'),
    createdAt: row.date('created_at'),
  };
}
