import { LRUCache } from 'lru-cache';
import type { Company, IntegrationStatus } from '../../domain/company/company.ts';
import type { SessionState } from '../../domain/company/session-state.ts';
import type { CompanyId, SalonId } from '../../domain/ids.ts';
import type {
  Companies,
  CompanyRegistration,
  CompanySecrets,
  ConnectionStats,
  NewCompany,
} from '../../ports/companies.ts';

/** LRU cache in front of the companies. A write through it invalidates the company. */
export class CachedCompanies implements Companies {
  readonly #companies: Companies;
  readonly #byKey: LRUCache<string, Company>;
  /** Detects writes during a read, whose result would be stale. */
  #writeCount = 0;

  constructor(companies: Companies, options: Readonly<{ maxCompanies?: number; maxAgeMs?: number }> = {}) {
    this.#companies = companies;
    // Three keys per company. The TTL bounds staleness after a write of another instance.
    this.#byKey = new LRUCache({ max: 3 * (options.maxCompanies ?? 100), ttl: options.maxAgeMs ?? 30_000 });
  }

  byId(id: CompanyId): Promise<Company | undefined> {
    return this.#cached(`id:${id}`, () => this.#companies.byId(id));
  }

  bySalonId(salonId: SalonId): Promise<Company | undefined> {
    return this.#cached(`salon:${salonId}`, () => this.#companies.bySalonId(salonId));
  }

  byApiKey(apiKey: string): Promise<Company | undefined> {
    return this.#cached(`key:${apiKey}`, () => this.#companies.byApiKey(apiKey));
  }

  async createOrFind(company: NewCompany): Promise<CompanyRegistration> {
    const result = await this.#companies.createOrFind(company);
    this.#invalidate(result.company.id);
    return result;
  }

  ownerPreview(salonId: SalonId, userId: number): Promise<number | undefined> {
    return this.#companies.ownerPreview(salonId, userId);
  }

  async transitionIntegration(
    id: CompanyId,
    to: IntegrationStatus,
    cause: string,
  ): Promise<Company | undefined> {
    return this.#invalidateAfter(id, () => this.#companies.transitionIntegration(id, to, cause));
  }

  async recordSession(
    id: CompanyId,
    session: Readonly<{ state: SessionState; cause?: string; phone?: string }>,
  ): Promise<Company | undefined> {
    return this.#invalidateAfter(id, () => this.#companies.recordSession(id, session));
  }

  getSecrets(id: CompanyId): Promise<CompanySecrets | undefined> {
    return this.#companies.getSecrets(id);
  }

  withStatus(statuses: readonly IntegrationStatus[]): Promise<readonly Company[]> {
    return this.#companies.withStatus(statuses);
  }

  withoutWhatsApp(limit: number): Promise<readonly Company[]> {
    return this.#companies.withoutWhatsApp(limit);
  }

  stats(): Promise<ConnectionStats> {
    return this.#companies.stats();
  }

  async #cached(key: string, read: () => Promise<Company | undefined>): Promise<Company | undefined> {
    const cached = this.#byKey.get(key);
    if (cached !== undefined) return cached;
    const writeCountBefore = this.#writeCount;
    const company = await read();
    if (company !== undefined && this.#writeCount === writeCountBefore) this.#byKey.set(key, company);
    return company;
  }

  async #invalidateAfter<Result>(id: CompanyId, write: () => Promise<Result>): Promise<Result> {
    try {
      return await write();
    } finally {
      // Also after an error: the write may have been committed.
      this.#invalidate(id);
    }
  }

  #invalidate(id: CompanyId): void {
    this.#writeCount += 1;
    for (const [key, company] of this.#byKey.entries()) if (company.id === id) this.#byKey.delete(key);
  }
}
