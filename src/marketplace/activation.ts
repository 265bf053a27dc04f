import { AppError } from '../domain/errors.ts';
import type { Company } from '../domain/company.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Companies, JobQueue, YclientsPlatform } from './ports.ts';

export type ActivationDependencies = Readonly<{
  companies: Companies;
  yclients: YclientsPlatform;
  queue: JobQueue;
  report: BusinessEvents;
  /** The URL that the platform shall post a company's events to; holds the company's secret. */
  webhookUrl: (companyId: CompanyId, secret: string) => string;
}>;

/**
 * Activation of the integration: a durable job, so that it survives a restart at any point. It is safe to run twice: it
 * asks the platform where it stands before it calls.
 */
export class Activation {
  readonly #deps: ActivationDependencies;

  constructor(deps: ActivationDependencies) {
    this.#deps = deps;
  }

  /** Asks for an activation unless the company is past it. */
  async request(company: Company): Promise<void> {
    if (!['pending_whatsapp', 'activating', 'activation_failed'].includes(company.integrationStatus)) return;
    await this.#deps.queue.insert('activation', [
      { key: String(company.id), data: { companyId: company.id } },
    ]);
  }

  /** The job. Throws so that the queue tries again; the status says `activation_failed` meanwhile. */
  async run(companyId: CompanyId): Promise<void> {
    const company = await this.#deps.companies.byId(companyId);
    if (company === undefined || ['active', 'frozen', 'uninstalled'].includes(company.integrationStatus))
      return;
    await this.#move(companyId, 'activating', 'whatsapp_connected');
    try {
      await this.#activate(company);
    } catch (error) {
      this.#deps.report.activationFailed(companyId, error);
      await this.#move(
        companyId,
        'activation_failed',
        error instanceof AppError ? error.code : 'INTERNAL_ERROR',
      );
      throw error;
    }
  }

  async #activate(company: Company): Promise<void> {
    const { companies, yclients, webhookUrl } = this.#deps;
    const status = await yclients.getApplicationStatus(company.salonId);
    switch (status) {
      case 'uninstalled':
        throw new AppError('FORBIDDEN', {
          text: {
            ru: 'Приложение не установлено в этом салоне YCLIENTS.',
            en: 'The application is not installed in this YCLIENTS salon.',
          },
        });
      case 'pending': {
        const secrets = await companies.secretsOf(company.id);
        if (secrets === undefined) throw new AppError('COMPANY_NOT_FOUND');
        const outcome = await yclients.activate({
          salonId: company.salonId,
          apiKey: secrets.apiKey,
          webhookUrls: [webhookUrl(company.id, secrets.webhookSecret)],
        });
        await this.#move(company.id, 'active', outcome);
        return;
      }
      case 'active':
        await this.#move(company.id, 'active', 'platform_says_active');
        return;
      case 'freezed':
        await this.#move(company.id, 'active', 'platform_says_active');
        await this.#move(company.id, 'frozen', 'platform_says_freezed');
        return;
    }
  }

  async #move(
    companyId: CompanyId,
    to: 'activating' | 'active' | 'activation_failed' | 'frozen',
    cause: string,
  ): Promise<void> {
    const moved = await this.#deps.companies.moveIntegration(companyId, to, cause);
    if (moved !== undefined) this.#deps.report.integrationChanged(companyId, to, cause);
  }
}
