import { sha256Hex, safeEqual } from '../crypto/hash.ts';
import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import { withTimeout } from '../lib/async/with-timeout.ts';
import type { Companies } from '../ports/companies.ts';
import type { WebhookAuthenticator } from '../ports/inbox.ts';

type CachedCompany = Readonly<{ company: Company; cachedAtMs: number }>;

export type WebhookAuthenticatorDeps = Readonly<{
  companies: Pick<Companies, 'byId' | 'withStatus'>;
  monotonicMs: () => number;
}>;

/** Leaves time for a spool write before the sender times out. */
const lookupTimeoutMs = 1_000;
/** After a failed lookup, cached companies are used without a query for this long. */
const cacheFallbackMs = 2_000;
/** A burst of webhooks of one salon causes one query. */
const cacheTtlMs = 1_000;
const retryAfterSeconds = 5;

/** Answers from memory while the database is down. */
export class CachedWebhookAuthenticator implements WebhookAuthenticator {
  readonly #deps: WebhookAuthenticatorDeps;
  /** Unbounded: a few hundred bytes per company. */
  readonly #cache = new Map<CompanyId, CachedCompany>();
  #cacheFallbackUntilMs = -Infinity;

  constructor(deps: WebhookAuthenticatorDeps) {
    this.#deps = deps;
  }

  /** Caches every company that can receive webhooks, for a database outage later. */
  async preload(): Promise<void> {
    const companies = await this.#deps.companies.withStatus(['activating', 'active', 'frozen']);
    for (const company of companies) this.#cache.set(company.id, { company, cachedAtMs: -Infinity });
  }

  /** Whether the path matches the cache. Does not query the database. */
  isKnown(companyId: CompanyId, secret: string): boolean {
    return matchesSecret(this.#cache.get(companyId)?.company, sha256Hex(secret));
  }

  /**
   * The company of a webhook path. Unknown companies and wrong secrets have the same error and timing.
   * @throws AppError `INVALID_TOKEN`; `DB_ERROR` if the database is down and the company is not cached
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

/** Takes the same time for an unknown company. */
function matchesSecret(company: Company | undefined, hash: string): company is Company {
  return safeEqual(hash, company?.webhookSecretHash ?? '') && company !== undefined;
}
