import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import { sha256Hex, safeEqual } from '../crypto/hash.ts';
import { withTimeout } from '../lib/async/with-timeout.ts';
import type { Companies } from '../ports/companies.ts';

type CachedCompany = Readonly<{ company: Company; cachedAtMs: number }>;

export type WebhookAuthenticatorDependencies = Readonly<{
  companies: Pick<Companies, 'byId' | 'withStatus'>;
  monotonicMs: () => number;
}>;

/** A sender waits seconds for our answer, and the disk may have to be asked after the database. */
const lookupTimeoutMs = 1_000;
/** After a failed look-up the database is not asked again for so long. */
const cacheFallbackMs = 2_000;
/** An address that was right so lately is right: a burst of one salon asks once. */
const cacheTtlMs = 1_000;
const retryAfterSeconds = 5;

/** Whose webhook paths there are, also while the database is away. */
export class WebhookAuthenticator {
  readonly #deps: WebhookAuthenticatorDependencies;
  /** As they were when they were read last. A few hundred bytes each. */
  readonly #cache = new Map<CompanyId, CachedCompany>();
  #cacheFallbackUntilMs = -Infinity;

  constructor(deps: WebhookAuthenticatorDependencies) {
    this.#deps = deps;
  }

  /** Learns of every company that can have webhooks, before the first trouble. */
  async preload(): Promise<void> {
    const companies = await this.#deps.companies.withStatus(['activating', 'active', 'frozen']);
    for (const company of companies) this.#cache.set(company.id, { company, cachedAtMs: -Infinity });
  }

  /** Whether the path was right when it was last looked for; nobody is asked. */
  isKnown(companyId: CompanyId, secret: string): boolean {
    return matchesSecret(this.#cache.get(companyId)?.company, sha256Hex(secret));
  }

  /**
   * The salon that a webhook path belongs to. Unknown companies and wrong secrets look the same, also by the clock.
   * @throws AppError `INVALID_TOKEN`; `DB_ERROR` while the database is away and the company is not known here
   */
  async authenticate(companyId: CompanyId, secret: string): Promise<Company> {
    const hash = sha256Hex(secret);
    const cached = this.#cache.get(companyId);
    const isFresh = cached !== undefined && this.#deps.monotonicMs() < cached.cachedAtMs + cacheTtlMs;
    if (isFresh && matchesSecret(cached.company, hash)) return cached.company;
    const company = await this.#lookUp(companyId);
    if (matchesSecret(company, hash)) return company;
    throw new AppError('INVALID_TOKEN', {
      text: { ru: 'Неизвестный адрес вебхука.', en: 'Unknown webhook address.' },
    });
  }

  async #lookUp(companyId: CompanyId): Promise<Company | undefined> {
    const { companies, monotonicMs } = this.#deps;
    const cached = this.#cache.get(companyId);
    if (cached !== undefined && monotonicMs() < this.#cacheFallbackUntilMs) return cached.company;
    let cause: unknown;
    try {
      const lookup = companies.byId(companyId).then((company) => ({ company }));
      const result = await withTimeout(lookup, lookupTimeoutMs);
      if (result !== undefined) return this.#updateCache(companyId, result.company);
    } catch (error) {
      cause = error;
    }
    this.#cacheFallbackUntilMs = monotonicMs() + cacheFallbackMs;
    if (cached !== undefined) return cached.company;
    throw new AppError('DB_ERROR', { cause, retryAfterSeconds });
  }

  #updateCache(companyId: CompanyId, company: Company | undefined): Company | undefined {
    if (company === undefined) this.#cache.delete(companyId);
    else this.#cache.set(companyId, { company, cachedAtMs: this.#deps.monotonicMs() });
    return company;
  }
}

/** Takes as long for a company that there is not. */
function matchesSecret(company: Company | undefined, hash: string): company is Company {
  return safeEqual(hash, company?.webhookSecretHash ?? '') && company !== undefined;
}
