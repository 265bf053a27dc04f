import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Companies, Events } from '../../ports/ports.ts';
import type { YclientsPlatform } from '../../ports/yclients.ts';

export type WebhookUrlWatchDependencies = Readonly<{
  companies: Pick<Companies, 'secretsOf'>;
  yclients: Pick<YclientsPlatform, 'webhookUrls'>;
  events: Pick<Events, 'record' | 'latestType'>;
  report: BusinessEvents;
  webhookUrl: (companyId: CompanyId, secret: string) => string;
}>;

const missing = 'webhook_url_missing';
const restored = 'webhook_url_restored';

/** Owners can edit the list of addresses by hand; without ours no webhook comes and only the reconciliation finds changes. */
export class WebhookUrlWatch {
  readonly #deps: WebhookUrlWatchDependencies;
  readonly #missing = new Set<CompanyId>();

  constructor(deps: WebhookUrlWatchDependencies) {
    this.#deps = deps;
  }

  /** Companies seen without our address by this process. */
  get missing(): ReadonlySet<CompanyId> {
    return this.#missing;
  }

  /** Only these still have events to be posted. */
  keepOnly(companies: ReadonlySet<CompanyId>): void {
    for (const id of this.#missing) if (!companies.has(id)) this.#missing.delete(id);
  }

  /** Tells of a change once. When the settings cannot be read nothing is known and nothing is told. */
  async check(company: Company, cause: string): Promise<void> {
    const { companies, yclients, events, report, webhookUrl } = this.#deps;
    const secrets = await companies.secretsOf(company.id);
    if (secrets === undefined) return;
    let urls: readonly string[];
    try {
      urls = await yclients.webhookUrls(company.salonId);
    } catch (error) {
      if (!isRefusal(error))
        report.failed('Asking for the webhook addresses of a salon', error, { companyId: company.id });
      return;
    }
    const isThere = urls.includes(webhookUrl(company.id, secrets.webhookSecret));
    if (isThere) this.#missing.delete(company.id);
    else this.#missing.add(company.id);
    const wasMissing = (await events.latestType(company.id, [missing, restored])) === missing;
    if (isThere !== wasMissing) return;
    await events.record({ companyId: company.id, type: isThere ? restored : missing, cause });
    report.webhookUrl(company.id, isThere);
  }
}

/** The salon gives no right to read its settings. */
function isRefusal(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'FORBIDDEN' || error.code === 'COMPANY_NOT_FOUND');
}
