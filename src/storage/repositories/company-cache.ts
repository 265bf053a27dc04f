import { LRUCache } from 'lru-cache';
import type { Company, IntegrationStatus } from '../../domain/company/company.ts';
import type { CompanyId, SalonId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/company/session-state.ts';
import type { Companies, CompanySecrets, ConnectionStats, NewCompany } from '../../ports/ports.ts';

/** Keeps the companies used last in memory; every write through it replaces or drops what it keeps of that company. */
export class CompanyCache implements Companies {
  readonly #companies: Companies;
  readonly #byKey: LRUCache<string, Company>;
  /** Counts writes, so that a read which began before one does not put the old company back. */
  #writes = 0;

  constructor(companies: Companies, options: Readonly<{ maxCompanies?: number; maxAgeMs?: number }> = {}) {
    this.#companies = companies;
    // Each company can be asked for under three keys. The age bounds what another instance's write may leave here.
    this.#byKey = new LRUCache({ max: 3 * (options.maxCompanies ?? 100), ttl: options.maxAgeMs ?? 30_000 });
  }

  byId(id: CompanyId): Promise<Company | undefined> {
    return this.#remembered(`id:${id}`, () => this.#companies.byId(id));
  }

  bySalonId(salonId: SalonId): Promise<Company | undefined> {
    return this.#remembered(`salon:${salonId}`, () => this.#companies.bySalonId(salonId));
  }

  byApiKey(apiKey: string): Promise<Company | undefined> {
    return this.#remembered(`key:${apiKey}`, () => this.#companies.byApiKey(apiKey));
  }

  async createOrFind(company: NewCompany): Promise<Readonly<{ company: Company; created: boolean }>> {
    const answer = await this.#companies.createOrFind(company);
    this.#forget(answer.company.id);
    return answer;
  }

  async moveIntegration(id: CompanyId, to: IntegrationStatus, cause: string): Promise<Company | undefined> {
    return this.#writing(id, () => this.#companies.moveIntegration(id, to, cause));
  }

  async recordSession(
    id: CompanyId,
    session: Readonly<{ state: SessionState; cause?: string; phone?: string }>,
  ): Promise<Company | undefined> {
    return this.#writing(id, () => this.#companies.recordSession(id, session));
  }

  secretsOf(id: CompanyId): Promise<CompanySecrets | undefined> {
    return this.#companies.secretsOf(id);
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

  async #remembered(key: string, read: () => Promise<Company | undefined>): Promise<Company | undefined> {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const writesBefore = this.#writes;
    const company = await read();
    if (company !== undefined && this.#writes === writesBefore) this.#byKey.set(key, company);
    return company;
  }

  async #writing<Result>(id: CompanyId, write: () => Promise<Result>): Promise<Result> {
    try {
      return await write();
    } finally {
      // Also after a failure: the answer may have been lost on its way back.
      this.#forget(id);
    }
  }

  #forget(id: CompanyId): void {
    this.#writes += 1;
    for (const [key, company] of this.#byKey.entries()) if (company.id === id) this.#byKey.delete(key);
  }
}
