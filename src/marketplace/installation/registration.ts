import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId, SalonId } from '../../domain/ids.ts';
import type { Companies } from '../../ports/companies.ts';
import type { ApplicationStatus, YclientsApi } from '../../ports/yclients.ts';
import type { MarketplaceService } from '../marketplace-service.ts';
import type { Activation } from './activation.ts';
import { requireOwner } from './company-owner.ts';
import type { ConnectTokenSigner } from './connect-token.ts';

export type RedirectRegistration = Readonly<{
  salonIds: readonly SalonId[];
  userData: string;
  userDataSign: string;
}>;

export type ConnectLink = Readonly<{ companyId: CompanyId; token: string }>;

export type RegistrationDeps = Readonly<{
  service: Pick<MarketplaceService, 'createOrGetCompany' | 'saveToken'>;
  companies: Pick<Companies, 'ownerPreview'>;
  activation: Pick<Activation, 'handleOwnerReturn'>;
  signer: Pick<ConnectTokenSigner, 'sign'>;
  yclients: Pick<YclientsApi, 'getApplicationStatus' | 'getCompany'>;
  /** @throws AppError `INVALID_TOKEN` */
  verifyUserData: (userData: string, userDataSign: string) => Readonly<{ id: number }>;
  /** The connect page's URL with these tokens in its fragment. */
  connectUrl: (tokens: readonly string[]) => string;
}>;

/** Registers salons, through the marketplace redirect or by an administrator. */
export class Registration {
  readonly #deps: RegistrationDeps;

  constructor(deps: RegistrationDeps) {
    this.#deps = deps;
  }

  /**
   * Handles the marketplace redirect. The signature covers the user but not `salon_id`; therefore YCLIENTS must report the
   * application as installed in the salon, and `createOrFind` decides the owner. Checks every salon before the first write,
   * and issues tokens after every company is known to belong to this user. Idempotent.
   *
   * @throws AppError `INVALID_TOKEN`, `FORBIDDEN`, `COMPANY_NOT_FOUND`, `UPSTREAM_ERROR`, `DB_ERROR`
   */
  async fromRedirect(redirect: RedirectRegistration): Promise<readonly ConnectLink[]> {
    const user = this.#deps.verifyUserData(redirect.userData, redirect.userDataSign);
    const installations = new Map<SalonId, ApplicationStatus>();
    for (const salonId of redirect.salonIds)
      installations.set(salonId, await this.#requireConnectable(salonId, user.id));

    const registered: Readonly<{ company: Company; applicationStatus: ApplicationStatus }>[] = [];
    for (const [salonId, applicationStatus] of installations) {
      const { company } = await this.#deps.service.createOrGetCompany(salonId, { ownerUserId: user.id });
      registered.push({ company, applicationStatus });
    }
    const links: ConnectLink[] = [];
    for (const { company, applicationStatus } of registered) {
      await this.#deps.activation.handleOwnerReturn(company, applicationStatus);
      links.push({ companyId: company.id, token: await this.#issueToken(company.id) });
    }
    return links;
  }

  /** Returns a link to hand to the owner. @throws AppError `COMPANY_NOT_FOUND`, `UPSTREAM_ERROR`, `DB_ERROR` */
  async byAdmin(
    salonId: SalonId,
  ): Promise<Readonly<{ company: Company; created: boolean; connectUrl: string }>> {
    const { company, created } = await this.#deps.service.createOrGetCompany(salonId);
    return { company, created, connectUrl: this.#deps.connectUrl([await this.#issueToken(company.id)]) };
  }

  /** @returns the application's status in the salon. @throws AppError `FORBIDDEN` unless this user may connect the salon */
  async #requireConnectable(salonId: SalonId, userId: number): Promise<ApplicationStatus> {
    const { companies, yclients } = this.#deps;
    const status = await yclients.getApplicationStatus(salonId);
    if (status === 'uninstalled') {
      // YCLIENTS returns `uninstalled` for an unknown salon too; this request throws COMPANY_NOT_FOUND for it.
      await yclients.getCompany(salonId);
      throw new AppError('FORBIDDEN', {
        text: {
          ru: 'Этот салон не подключил приложение. Нажмите «Подключить» на странице приложения в YCLIENTS.',
          en: 'This salon has not installed the application. Press “Connect” on its page in YCLIENTS.',
        },
      });
    }
    requireOwner(await companies.ownerPreview(salonId, userId), userId);
    return status;
  }

  async #issueToken(companyId: CompanyId): Promise<string> {
    const { token } = await this.#deps.signer.sign(companyId);
    await this.#deps.service.saveToken(token, companyId);
    return token;
  }
}
