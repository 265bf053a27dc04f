import { safeEqual } from '../../crypto/hash.ts';
import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId, SalonId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Companies, ConnectTokens, Revocations } from '../../ports/companies.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { WhatsApp } from '../../ports/sessions.ts';
import type { ApplicationStatus, YclientsApi } from '../../ports/yclients.ts';

export type LifecycleEvent = Readonly<{
  salonId: SalonId;
  applicationId: number;
  event: 'uninstall' | 'freeze' | 'payment';
  /** The only authentication of a lifecycle webhook, sent in its body. Never logged. */
  partnerToken: string;
  /** Set for `payment`: the fields that `sign` covers. */
  payment?: Payment & Readonly<{ sign: string }>;
}>;

/** A string keeps the notation of the request: YCLIENTS signs `1990.00` as such, not as `1990`. */
export type Payment = Readonly<{ amount: number | string; discount: number | string | undefined }>;

export type LifecycleOptions = Readonly<{
  partnerToken: string;
  applicationId: number;
  /** Computes the signature that YCLIENTS puts on a payment event. */
  paymentSignature: (salonId: SalonId, payment: Payment) => string;
}>;

export type LifecycleDeps = LifecycleOptions &
  Readonly<{
    companies: Pick<Companies, 'byId' | 'bySalonId' | 'transitionIntegration'>;
    connectTokens: Pick<ConnectTokens, 'revokeAll'>;
    revocations: Pick<Revocations, 'emit'>;
    queue: Pick<JobQueue, 'insert'>;
    whatsapp: Pick<WhatsApp, 'getActiveSessions' | 'disconnectSession'>;
    yclients: Pick<YclientsApi, 'getApplicationStatus'>;
    report: BusinessEvents;
    /** Called when a freeze ends: YCLIENTS posts no events while it lasts. */
    onResumed: (companyId: CompanyId) => Promise<void>;
  }>;

/** Handles the lifecycle webhooks of YCLIENTS and changes of the installation status. */
export class Lifecycle {
  readonly #deps: LifecycleDeps;

  constructor(deps: LifecycleDeps) {
    this.#deps = deps;
  }

  /**
   * Idempotent.
   * @throws AppError `FORBIDDEN` for a wrong token, application or payment signature; `COMPANY_NOT_FOUND`
   */
  async handle(event: LifecycleEvent): Promise<void> {
    const { companies, partnerToken, applicationId } = this.#deps;
    if (!safeEqual(event.partnerToken, partnerToken) || event.applicationId !== applicationId) {
      throw new AppError('FORBIDDEN');
    }
    const { payment } = event;
    if (
      payment !== undefined &&
      !safeEqual(payment.sign, this.#deps.paymentSignature(event.salonId, payment))
    ) {
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
        // A payment only ends a freeze.
        if (company.integrationStatus === 'frozen') await this.#resumeIfPaid(company);
        return;
    }
  }

  /**
   * Applies a polled status: YCLIENTS sends no webhook when a freeze ends. Ignores `uninstalled` and `pending`, which YCLIENTS
   * also returns when it denies access; those changes come by webhook and with the owner.
   */
  async applyApplicationStatus({ id, integrationStatus }: Company, status: ApplicationStatus): Promise<void> {
    if (integrationStatus === 'frozen' && status === 'active') await this.#resume(id, 'platform_says_active');
    if (integrationStatus === 'active' && status === 'freezed')
      await this.#transition(id, 'frozen', 'platform_says_freezed');
  }

  /**
   * Disconnects sessions of uninstalled companies, left over when the process exits during an uninstallation. Call it after
   * the session restore has started.
   */
  async finishUninstallations(): Promise<void> {
    for (const { companyId } of this.#deps.whatsapp.getActiveSessions()) {
      const company = await this.#deps.companies.byId(companyId);
      if (company?.integrationStatus === 'uninstalled') await this.#requestDisconnection(companyId);
    }
  }

  /**
   * Job handler. Skips companies installed again in the meantime: their reinstallation has disconnected the old session.
   * @throws AppError `CONNECTION_FAILED` while another instance runs the session
   */
  async disconnect(companyId: CompanyId): Promise<void> {
    const company = await this.#deps.companies.byId(companyId);
    if (company?.integrationStatus === 'uninstalled') await this.#deps.whatsapp.disconnectSession(companyId);
  }

  /** Changes the status first, so that nothing is sent or paired while the session disconnects. */
  async #uninstall(companyId: CompanyId): Promise<void> {
    await this.#transition(companyId, 'uninstalled', 'lifecycle:uninstall');
    await this.#requestDisconnection(companyId);
    await this.#deps.connectTokens.revokeAll(companyId);
    this.#deps.revocations.emit('revoked', companyId);
  }

  /** A durable job: this process may exit first, or another instance may run the session. */
  async #requestDisconnection(companyId: CompanyId): Promise<void> {
    await this.#deps.queue.insert('disconnection', [{ key: String(companyId), data: { companyId } }]);
  }

  /**
   * Checks the status, because the signature covers no date and a payment can be replayed. StatusPoller repeats a failed
   * check.
   */
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
