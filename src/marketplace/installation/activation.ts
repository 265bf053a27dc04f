import { AppError } from '../../domain/errors/app-error.ts';
import type { Company, IntegrationStatus } from '../../domain/company/company.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { ApplicationStatus, YclientsPlatform } from '../../ports/yclients.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';
import type { JobQueue, NewJob } from '../../ports/job-queue.ts';
import { deterministicUuid } from '../../crypto/hash.ts';

export type ActivationDeps = Readonly<{
  companies: Companies;
  yclients: YclientsPlatform;
  queue: Pick<JobQueue, 'insert' | 'runNow'>;
  report: BusinessEvents;
  /** The URL that the platform shall post a company's events to; holds the company's secret. */
  webhookUrl: (companyId: CompanyId, secret: string) => string;
  events: Pick<Events, 'record' | 'latestType'>;
  /** The platform tells the company's events from now on; what was there before is still to be read. */
  onActivated: (companyId: CompanyId) => Promise<void>;
  now: () => Date;
}>;

const requestedEvent = 'activation_requested';
const refusedEvent = 'activation_refused';

/** In these a company waits for its activation. */
const pendingStatuses = ['pending_whatsapp', 'activating', 'activation_failed'] as const;

/** As long as a job is tried again. */
const jobLifetimeMs = 70 * 60 * 1000;

/**
 * Activation of the integration: a durable job, so that it survives a restart at any point. It is safe to run twice: it
 * asks the platform where it stands before it calls.
 */
export class Activation {
  readonly #deps: ActivationDeps;

  constructor(deps: ActivationDeps) {
    this.#deps = deps;
  }

  /** Asks for an activation now, unless the company is past it. */
  async request({ id, integrationStatus }: Company): Promise<void> {
    if (!isPending(integrationStatus)) return;
    await this.#deps.events.record({ companyId: id, type: requestedEvent, cause: 'session_or_owner' });
    await this.#deps.queue.insert('activation', [activationJob(id)]);
    await this.#deps.queue.runNow('activation', String(id));
  }

  /**
   * The owner comes from the platform, which says how the installation stands. `pending` where we thought it active tells of
   * an uninstallation that we never heard of.
   */
  async handleOwnerReturn(company: Company, applicationStatus: ApplicationStatus): Promise<void> {
    const missedUninstallation =
      applicationStatus === 'pending' && company.integrationStatus !== 'pending_whatsapp';
    if (missedUninstallation) await this.#transition(company.id, 'activating', 'platform_says_pending');
    const current = missedUninstallation ? await this.#deps.companies.byId(company.id) : company;
    if (current?.sessionState === 'connected') await this.request(current);
  }

  /** Asks for the activation of every company that waits for nothing else: its job may have been given up. */
  async sweep(): Promise<void> {
    const { companies, queue, events, now } = this.#deps;
    const ready: Company[] = [];
    for (const company of await companies.withStatus(pendingStatuses)) {
      if (company.sessionState !== 'connected') continue;
      if ((await events.latestType(company.id, [requestedEvent, refusedEvent])) !== refusedEvent)
        ready.push(company);
    }
    if (ready.length === 0) return;
    // An id for each span of time: jobs do not pile up while one after another fails.
    const timeSlot = Math.floor(now().getTime() / jobLifetimeMs);
    await queue.insert(
      'activation',
      ready.map(({ id }) => ({ ...activationJob(id), id: deterministicUuid('activation', id, timeSlot) })),
    );
  }

  /**
   * The job failed for good. What the platform refused for as long as an owner's consent holds will not succeed before the
   * owner presses "Подключить" again; anything else the sweep tries anew.
   */
  async onDeadLetter(companyId: CompanyId, error: unknown): Promise<void> {
    if (!(error instanceof AppError) || error.retryable) return;
    await this.#deps.events.record({ companyId, type: refusedEvent, cause: error.code });
    this.#deps.report.activationRefused(companyId);
  }

  /** The job. Throws so that the queue tries again; the status says `activation_failed` meanwhile. */
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
