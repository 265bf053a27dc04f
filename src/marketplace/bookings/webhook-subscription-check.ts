import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { YclientsPlatform } from '../../ports/yclients.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';

export type WebhookSubscriptionCheckDeps = Readonly<{
  companies: Pick<Companies, 'getSecrets'>;
  yclients: Pick<YclientsPlatform, 'webhookUrls'>;
  events: Pick<Events, 'record' | 'latestType'>;
  report: BusinessEvents;
  webhookUrl: (companyId: CompanyId, secret: string) => string;
}>;

const missingEvent = 'webhook_url_missing';
const restoredEvent = 'webhook_url_restored';

/** Owners can edit the list of addresses by hand; without ours no webhook comes and only the reconciliation finds changes. */
export class WebhookSubscriptionCheck {
  readonly #deps: WebhookSubscriptionCheckDeps;
  readonly #missing = new Set<CompanyId>();

  constructor(deps: WebhookSubscriptionCheckDeps) {
    this.#deps = deps;
  }

  /** Companies seen without our address by this process. */
  get missing(): ReadonlySet<CompanyId> {
    return this.#missing;
  }

  /** Only these still have events to be posted. */
  retainOnly(companies: ReadonlySet<CompanyId>): void {
    for (const id of this.#missing) if (!companies.has(id)) this.#missing.delete(id);
  }

  /** Tells of a change once. When the settings cannot be read nothing is known and nothing is told. */
  async check(company: Company, cause: string): Promise<void> {
    const { companies, yclients, events, report, webhookUrl } = this.#deps;
    const secrets = await companies.getSecrets(company.id);
    if (secrets === undefined) return;
    let urls: readonly string[];
    try {
      urls = await yclients.webhookUrls(company.salonId);
    } catch (error) {
      if (!isAccessDenied(error))
        report.failed('Webhook subscription check', error, { companyId: company.id });
      return;
    }
    const isSubscribed = urls.includes(webhookUrl(company.id, secrets.webhookSecret));
    if (isSubscribed) this.#missing.delete(company.id);
    else this.#missing.add(company.id);
    const wasMissing = (await events.latestType(company.id, [missingEvent, restoredEvent])) === missingEvent;
    if (isSubscribed !== wasMissing) return;
    await events.record({ companyId: company.id, type: isSubscribed ? restoredEvent : missingEvent, cause });
    report.webhookUrlChecked(company.id, isSubscribed);
  }
}

/** The salon gives no right to read its settings. */
function isAccessDenied(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'FORBIDDEN' || error.code === 'COMPANY_NOT_FOUND');
}
