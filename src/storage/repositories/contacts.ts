import type { CompanyId } from '../../domain/ids.ts';
import type { Contacts } from '../../ports/messages.ts';
import type { Rpc } from '../rpc/client.ts';

/** Clients a company writes to. */
export class StoredContacts implements Contacts {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async received(companyId: CompanyId, phone: string): Promise<void> {
    await this.#rpc.call('contact_received', { p_company_id: companyId, p_phone: phone });
  }

  async optOut(companyId: CompanyId, phone: string, cause: string): Promise<boolean> {
    const args = { p_company_id: companyId, p_phone: phone, p_cause: cause };
    return (await this.#rpc.call('contact_opt_out', args)) === true;
  }

  async optIn(companyId: CompanyId, phone: string, cause: string): Promise<boolean> {
    const args = { p_company_id: companyId, p_phone: phone, p_cause: cause };
    return (await this.#rpc.call('contact_opt_in', args)) === true;
  }

  async optedOut(
    companyId: CompanyId,
    limit: number,
  ): Promise<readonly Readonly<{ phone: string; since: Date }>[]> {
    const rows = await this.#rpc.rows('contacts_opted_out', { p_company_id: companyId, p_limit: limit });
    return rows.map((row) => ({ phone: row.text('phone'), since: row.date('opted_out_at') }));
  }
}
