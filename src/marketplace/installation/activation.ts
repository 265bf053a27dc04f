import { deterministicUuid } from '../../crypto/hash.ts';
import type { Company, IntegrationStatus } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';
import type { JobQueue, NewJob } from '../../ports/job-queue.ts';
import type { ApplicationStatus, YclientsApi } from '../../ports/yclients.ts';

export type ActivationDeps = Readonly<{
  companies: Pick<Companies, 'byId' | 'withStatus' | 'getSecrets' | 'transitionIntegration'>;
  yclients: Pick<YclientsApi, 'getApplicationStatus' | 'activate'>;
  queue: Pick<JobQueue, 'insert' | 'runNow'>;
  report: BusinessEvents;
  /** The URL to which YCLIENTS posts a company's events; contains its webhook secret. */
  webhookUrl: (companyId: CompanyId, secret: string) => string;
  events: Pick<Events, 'record' | 'latestType'>;
  /** Called once YCLIENTS posts the company's events; earlier bookings must still be read. */
  onActivated: (companyId: CompanyId) => Promise<void>;
  now: () => Date;
}>;

const requestedEvent = 'activation_requested';
const refusedEvent = 'activation_refused';

const pendingStatuses = ['pending_whatsapp', 'activating', 'activation_failed'] as const;

/** About as long as the queue retries one activation job. */
const jobLifetimeMs = 70 * 60 * 1000;

/**
 * Activates the integration in YCLIENTS. A durable job that survives a restart at any point; idempotent, because it queries
 * the status of the installation before `partner/callback`.
 */
export class Activation {
  readonly #deps: ActivationDeps;

  constructor(deps: ActivationDeps) {
    this.#deps = deps;
  }

  /** Enqueues the activation of a company that is not active yet, and runs a waiting job at once. */
  async request({ id, integrationStatus }: Company): Promise<void> {
    if (!isPending(integrationStatus)) return;
    await this.#deps.events.record({ companyId: id, type: requestedEvent, cause: 'session_or_owner' });
    await this.#deps.queue.insert('activation', [activationJob(id)]);
    await this.#deps.queue.runNow('activation', String(id));
  }

  /**
   * Called when the owner arrives from YCLIENTS. `pending` for a company that was active means that an uninstallation webhook
   * was lost.
   */
  async handleOwnerReturn(company: Company, applicationStatus: ApplicationStatus): Promise<void> {
    const missedUninstallation =
      applicationStatus === 'pending' && company.integrationStatus !== 'pending_whatsapp';
    if (missedUninstallation) await this.#transition(company.id, 'activating', 'platform_says_pending');
    const current = missedUninstallation ? await this.#deps.companies.byId(company.id) : company;
    if (current?.sessionState === 'connected') await this.request(current);
  }

  /** Enqueues the activation of every connected company that is not active: its job may have been dead-lettered. */
  async sweep(): Promise<void> {
    const { companies, queue, events, now } = this.#deps;
    const ready: Company[] = [];
    for (const company of await companies.withStatus(pendingStatuses)) {
      if (company.sessionState !== 'connected') continue;
      if ((await events.latestType(company.id, [requestedEvent, refusedEvent])) !== refusedEvent)
        ready.push(company);
    }
    if (ready.length === 0) return;
    // One job id per time slot, so that jobs do not accumulate while activations fail.
    const timeSlot = Math.floor(now().getTime() / jobLifetimeMs);
    await queue.insert(
      'activation',
      ready.map(({ id }) => ({ ...activationJob(id), id: deterministicUuid('activation', id, timeSlot) })),
    );
  }

  /**
   * A permanent refusal by YCLIENTS excludes the company from the sweep until its owner presses "Подключить" again. The sweep
   * retries after any other error.
   */
  async onDeadLetter(companyId: CompanyId, error: unknown): Promise<void> {
    if (!(error instanceof AppError) || error.retryable) return;
    await this.#deps.events.record({ companyId, type: refusedEvent, cause: error.code });
    this.#deps.report.activationRefused(companyId);
  }

  /** Job handler. Sets `activation_failed` before it rethrows for a retry. */
  async run(companyId: CompanyId): Promise<void> {
    const company = await this.#deps.companies.byId(companyId);
    if (company === undefined || !isPending(company.integrationStatus)) return;
    await this.#transition(companyId, 'activating', 'whatsapp_connected');
    try {
      await this.#activate(company);
    } catch (error) {
      this.#deps.report.activationFailed(companyId, error);
      await this.#transition(
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
        const secrets = await companies.getSecrets(company.id);
        if (secrets === undefined) throw new AppError('COMPANY_NOT_FOUND');
        const outcome = await yclients.activate({
          salonId: company.salonId,
          apiKey: secrets.apiKey,
          webhookUrls: [webhookUrl(company.id, secrets.webhookSecret)],
        });
        await this.#transition(company.id, 'active', outcome);
        await this.#deps.onActivated(company.id);
        return;
      }
      case 'active':
        await this.#transition(company.id, 'active', 'platform_says_active');
        await this.#deps.onActivated(company.id);
        return;
      case 'freezed':
        await this.#transition(company.id, 'active', 'platform_says_active');
        await this.#transition(company.id, 'frozen', 'platform_says_freezed');
        return;
    }
  }

  async #transition(
    companyId: CompanyId,
    to: 'activating' | 'active' | 'activation_failed' | 'frozen',
    cause: string,
  ): Promise<void> {
    const updated = await this.#deps.companies.transitionIntegration(companyId, to, cause);
    if (updated !== undefined) this.#deps.report.integrationChanged(companyId, to, cause);
  }
}

function isPending(status: IntegrationStatus): boolean {
  return pendingStatuses.some((one) => one === status);
}

function activationJob(companyId: CompanyId): NewJob {
  return { key: String(companyId), data: { companyId } };
}
