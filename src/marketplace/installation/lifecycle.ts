import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId, SalonId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { ApplicationStatus, YclientsPlatform } from '../../ports/yclients.ts';
import type { Companies, ConnectTokens, Revocations } from '../../ports/companies.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { WhatsApp } from '../../ports/sessions.ts';
import { safeEqual } from '../../crypto/hash.ts';

export type LifecycleEvent = Readonly<{
  salonId: SalonId;
  applicationId: number;
  event: 'uninstall' | 'freeze' | 'payment';
  /** In clear in the platform's body; its only proof. Never logged. */
  partnerToken: string;
  /** Of a payment: the fields that its `sign` covers. */
  payment?: Payment & Readonly<{ sign: string }>;
}>;

/** Numbers as text are to the letter what the platform wrote: `1990.00` is signed as that, and not as `1990`. */
export type Payment = Readonly<{ amount: number | string; discount: number | string | undefined }>;

export type LifecycleOptions = Readonly<{
  partnerToken: string;
  applicationId: number;
  /** Computes the signature that YCLIENTS puts on a payment event. */
  signPayment: (salonId: SalonId, payment: Payment) => string;
}>;

export type LifecycleDeps = LifecycleOptions &
  Readonly<{
    companies: Companies;
    tokens: ConnectTokens;
    revocations: Pick<Revocations, 'emit'>;
    queue: Pick<JobQueue, 'insert'>;
    whatsapp: WhatsApp;
    yclients: Pick<YclientsPlatform, 'getApplicationStatus'>;
    report: BusinessEvents;
    /** Called when a freeze ends: YCLIENTS posts no events while it lasts. */
    onResumed: (companyId: CompanyId) => Promise<void>;
  }>;

/** What the platform tells about an installation. */
export class Lifecycle {
  readonly #deps: LifecycleDeps;

  constructor(deps: LifecycleDeps) {
    this.#deps = deps;
  }

  /**
   * Idempotent: a repeat of an event that has been handled changes nothing.
   * @throws AppError `FORBIDDEN` for a wrong token, application or payment sign; `COMPANY_NOT_FOUND`
   */
  async handle(event: LifecycleEvent): Promise<void> {
    const { companies, partnerToken, applicationId } = this.#deps;
    if (!safeEqual(event.partnerToken, partnerToken) || event.applicationId !== applicationId) {
      throw new AppError('FORBIDDEN');
    }
    const { payment } = event;
    if (payment !== undefined && !safeEqual(payment.sign, this.#deps.signPayment(event.salonId, payment))) {
      throw new AppError('FORBIDDEN');
    }
    const company = await companies.bySalonId(event.salonId);
    if (company === undefined) throw new AppError('COMPANY_NOT_FOUND');
    switch (event.event) {
      case 'uninstall':
        await this.#uninstall(company.id);
        return;
      case 'freeze':
        await this.#transition(company.id, 'frozen', 'lifecycle:freeze');
        return;
      case 'payment':
        // Only a frozen installation comes back by a payment; for others it is news without effect.
        if (company.integrationStatus === 'frozen') await this.#resumeIfPaid(company);
        return;
    }
  }

  /**
   * What a question for the status gave. The end of a freeze is told by nothing else; `uninstalled` and `pending` are left
   * to the webhook and to the owner, since the platform answers alike when it refuses to tell.
   */
  async applyPlatformStatus({ id, integrationStatus }: Company, status: ApplicationStatus): Promise<void> {
    if (integrationStatus === 'frozen' && status === 'active') await this.#resume(id, 'platform_says_active');
    if (integrationStatus === 'active' && status === 'freezed')
      await this.#transition(id, 'frozen', 'platform_says_freezed');
  }

  /**
   * Takes down sessions that an uninstallation left behind because the process ended in its middle. Call it when the
   * sessions have begun to restore.
   */
  async finishUninstallations(): Promise<void> {
    for (const { companyId } of this.#deps.whatsapp.getActiveSessions()) {
      const company = await this.#deps.companies.byId(companyId);
      if (company?.integrationStatus === 'uninstalled') await this.#requestDisconnection(companyId);
    }
  }

  /**
   * The job. A company that came back meanwhile has been disconnected on its return.
   * @throws AppError `CONNECTION_FAILED` while another instance runs the session
   */
  async disconnect(companyId: CompanyId): Promise<void> {
    const company = await this.#deps.companies.byId(companyId);
    if (company?.integrationStatus === 'uninstalled') await this.#deps.whatsapp.disconnectSession(companyId);
  }

  /** The status goes first: nothing is sent or paired for the company while its session is being taken down. */
  async #uninstall(companyId: CompanyId): Promise<void> {
    await this.#transition(companyId, 'uninstalled', 'lifecycle:uninstall');
    await this.#requestDisconnection(companyId);
    await this.#deps.tokens.revokeAll(companyId);
    this.#deps.revocations.emit('revoked', companyId);
  }

  /** A job, since the device must be unlinked even if this process ends, or is not the one that runs the session. */
  async #requestDisconnection(companyId: CompanyId): Promise<void> {
    await this.#deps.queue.insert('disconnection', [{ key: String(companyId), data: { companyId } }]);
  }

  /** The sign covers neither month nor date of a payment. What cannot be asked now the watch over frozen installations asks again. */
  async #resumeIfPaid({ id, salonId }: Company): Promise<void> {
    const { yclients, report } = this.#deps;
    try {
      if ((await yclients.getApplicationStatus(salonId)) !== 'active') return;
    } catch (error) {
      report.failed('Installation status check after payment', error, { companyId: id });
      return;
    }
    await this.#resume(id, 'lifecycle:payment');
  }

  async #resume(companyId: CompanyId, cause: string): Promise<void> {
    await this.#transition(companyId, 'active', cause);
    await this.#deps.onResumed(companyId);
  }

  async #transition(
    companyId: CompanyId,
    to: 'uninstalled' | 'frozen' | 'active',
    cause: string,
  ): Promise<void> {
    const updated = await this.#deps.companies.transitionIntegration(companyId, to, cause);
    if (updated !== undefined) this.#deps.report.integrationChanged(companyId, to, cause);
  }
}
