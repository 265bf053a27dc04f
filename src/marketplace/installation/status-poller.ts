import type { Company } from '../../domain/company/company.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Companies } from '../../ports/companies.ts';
import type { YclientsApi } from '../../ports/yclients.ts';
import type { Lifecycle } from './lifecycle.ts';

export type StatusPollerDeps = Readonly<{
  companies: Pick<Companies, 'withStatus'>;
  yclients: Pick<YclientsApi, 'getApplicationStatus'>;
  lifecycle: Pick<Lifecycle, 'applyApplicationStatus'>;
  report: BusinessEvents;
}>;

/** Polls installation status: YCLIENTS sends no webhook when a freeze ends. */
export class StatusPoller {
  readonly #deps: StatusPollerDeps;

  constructor(deps: StatusPollerDeps) {
    this.#deps = deps;
  }

  async checkFrozen(): Promise<void> {
    await this.#check(['frozen']);
  }

  async checkActive(): Promise<void> {
    await this.#check(['active']);
  }

  async #check(statuses: readonly ('active' | 'frozen')[]): Promise<void> {
    for (const company of await this.#deps.companies.withStatus(statuses)) await this.#checkOne(company);
  }

  async #checkOne(company: Company): Promise<void> {
    const { yclients, lifecycle, report } = this.#deps;
    try {
      await lifecycle.applyApplicationStatus(company, await yclients.getApplicationStatus(company.salonId));
    } catch (error) {
      report.failed('Installation status check', error, { companyId: company.id });
    }
  }
}
