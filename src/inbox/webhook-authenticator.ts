import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import { safeEqual } from '../crypto/safe-equal.ts';
import { secretHash } from '../crypto/hash.ts';
import { withTimeout } from '../lib/async/with-timeout.ts';
import type { Companies } from '../ports/ports.ts';

type Known = Readonly<{ company: Company; readAtMs: number }>;

export type WebhookAddressesOptions = Readonly<{
  companies: Pick<Companies, 'byId' | 'withStatus'>;
  monotonicMs: () => number;
}>;

/** A sender waits seconds for our answer, and the disk may have to be asked after the database. */
const lookupTimeoutMs = 1_000;
/** After a failed look-up the database is not asked again for so long. */
const trustMemoryMs = 2_000;
/** An address that was right so lately is right: a burst of one salon asks once. */
const freshMs = 1_000;
const retryAfterSeconds = 5;

/** Whose webhook paths there are, also while the database is away. */
export class WebhookAddresses {
  readonly #options: WebhookAddressesOptions;
  /** As they were when they were read last. A few hundred bytes each. */
  readonly #known = new Map<CompanyId, Known>();
  #trustMemoryUntilMs = -Infinity;

  constructor(options: WebhookAddressesOptions) {
    this.#options = options;
  }

  /** Learns of every company that can have webhooks, before the first trouble. */
  async learn(): Promise<void> {
    const companies = await this.#options.companies.withStatus(['activating', 'active', 'frozen']);
    for (const company of companies) this.#known.set(company.id, { company, readAtMs: -Infinity });
  }

  /** Whether the path was right when it was last looked for; nobody is asked. */
  isKnown(companyId: CompanyId, secret: string): boolean {
    return isSecretOf(this.#known.get(companyId)?.company, secretHash(secret));
  }

  /**
   * The salon that a webhook path belongs to. Unknown companies and wrong secrets look the same, also by the clock.
   * @throws AppError `INVALID_TOKEN`; `DB_ERROR` while the database is away and the company is not known here
   */
  async companyOf(companyId: CompanyId, secret: string): Promise<Company> {
    const hash = secretHash(secret);
    const known = this.#known.get(companyId);
    const isFresh = known !== undefined && this.#options.monotonicMs() < known.readAtMs + freshMs;
    if (isFresh && isSecretOf(known.company, hash)) return known.company;
    const company = await this.#find(companyId);
    if (isSecretOf(company, hash)) return company;
    throw new AppError('INVALID_TOKEN', {
      text: { ru: 'Неизвестный адрес вебхука.', en: 'Unknown webhook address.' },
    });
  }

  async #find(companyId: CompanyId): Promise<Company | undefined> {
    const { companies, monotonicMs } = this.#options;
    const known = this.#known.get(companyId);
    if (known !== undefined && monotonicMs() < this.#trustMemoryUntilMs) return known.company;
    let cause: unknown;
    try {
      const looked = companies.byId(companyId).then((company) => ({ company }));
      const answer = await withTimeout(looked, lookupTimeoutMs);
      if (answer !== undefined) return this.#remember(companyId, answer.company);
    } catch (error) {
      cause = error;
    }
    this.#trustMemoryUntilMs = monotonicMs() + trustMemoryMs;
    if (known !== undefined) return known.company;
    throw new AppError('DB_ERROR', { cause, retryAfterSeconds });
  }

  #remember(companyId: CompanyId, company: Company | undefined): Company | undefined {
    if (company === undefined) this.#known.delete(companyId);
    else this.#known.set(companyId, { company, readAtMs: this.#options.monotonicMs() });
    return company;
  }
}

/** Takes as long for a company that there is not. */
function isSecretOf(company: Company | undefined, hash: string): company is Company {
  return safeEqual(hash, company?.webhookSecretHash ?? '') && company !== undefined;
}
