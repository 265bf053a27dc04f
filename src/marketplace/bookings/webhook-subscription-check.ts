import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';
import type { YclientsApi } from '../../ports/yclients.ts';

export type WebhookSubscriptionCheckDeps = Readonly<{
  companies: Pick<Companies, 'getSecrets'>;
  yclients: Pick<YclientsApi, 'webhookUrls'>;
  events: Pick<Events, 'record' | 'latestType'>;
  report: BusinessEvents;
  webhookUrl: (companyId: CompanyId, secret: string) => string;
}>;

const missingEvent = 'webhook_url_missing';
const restoredEvent = 'webhook_url_restored';

/**
 * Checks that our URL is among the webhook URLs of a salon. Owners can edit the list in YCLIENTS; without our URL only
 * reconciliation finds changes.
 */
export class WebhookSubscriptionCheck {
  readonly #deps: WebhookSubscriptionCheckDeps;
  readonly #missing = new Set<CompanyId>();

  constructor(deps: WebhookSubscriptionCheckDeps) {
    this.#deps = deps;
  }

  /** Companies that this process has found without our URL. */
  get missing(): ReadonlySet<CompanyId> {
    return this.#missing;
  }

  /** Forgets the companies that are no longer active. */
  retainOnly(companies: ReadonlySet<CompanyId>): void {
    for (const id of this.#missing) if (!companies.has(id)) this.#missing.delete(id);
  }

  /** Records a change of the subscription once. Does nothing when the salon's settings cannot be read. */
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

/** The salon has not granted the right to read its settings. */
function isAccessDenied(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'FORBIDDEN' || error.code === 'COMPANY_NOT_FOUND');
}
