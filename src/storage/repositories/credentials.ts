import { companyIdFrom } from '../../domain/ids.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { CredentialChange, CredentialRepository } from '../../ports/credentials.ts';
import type { Lease } from '../../ports/sessions.ts';
import type { Rpc } from '../rpc/client.ts';
import { listFrom } from '../rpc/row-reader.ts';

/** Encrypted WhatsApp credentials. Writes are fenced by the lease token. */
export class StoredCredentials implements CredentialRepository {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async read(
    companyId: CompanyId,
    type: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    const rows = await this.#rpc.rows('credentials_read', {
      p_company_id: companyId,
      p_type: type,
      p_ids: ids,
    });
    return new Map(rows.map((row) => [row.text('id'), Buffer.from(row.text('value'), 'hex')]));
  }

  async write(lease: Lease, changes: readonly CredentialChange[]): Promise<void> {
    await this.#rpc.call('credentials_write', {
      p_company_id: lease.companyId,
      p_token: lease.token,
      p_changes: lastChangePerRow(changes).map(({ type, id, value }) => ({
        type,
        id,
        value: value === null ? null : Buffer.from(value).toString('hex'),
      })),
    });
  }

  /** Tests writability: writes and deletes `bytes` bytes in one transaction. @throws LeaseLostError */
  async probe(lease: Lease, bytes: number): Promise<void> {
    await this.#rpc.call('credentials_probe', {
      p_company_id: lease.companyId,
      p_token: lease.token,
      p_bytes: bytes,
    });
  }

  async companies(): Promise<readonly CompanyId[]> {
    return listFrom(await this.#rpc.call('credentials_companies')).map((id) => companyIdFrom(id));
  }

  async erase(lease: Lease): Promise<void> {
    await this.#rpc.call('credentials_erase', { p_company_id: lease.companyId, p_token: lease.token });
  }

  /** Moves the company's credentials to the quarantine, which `read` does not see. @throws LeaseLostError */
  async quarantine(lease: Lease): Promise<void> {
    await this.#rpc.call('credentials_quarantine', { p_company_id: lease.companyId, p_token: lease.token });
  }

  /** Erases credentials quarantined more than `olderThanMs` ago. */
  async eraseQuarantined(olderThanMs: number): Promise<void> {
    await this.#rpc.call('credentials_quarantine_erase', { p_older_than_ms: olderThanMs });
  }
}

/** `insert … on conflict` cannot affect a row twice. */
function lastChangePerRow(changes: readonly CredentialChange[]): CredentialChange[] {
  return [...new Map(changes.map((change) => [JSON.stringify([change.type, change.id]), change])).values()];
}
