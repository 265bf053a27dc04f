import type { CompanyId } from '../../domain/ids.ts';
import type { ConnectTokens } from '../../ports/companies.ts';
import type { Rpc } from '../rpc/client.ts';

/** Hashes of issued connect-page tokens. */
export class StoredConnectTokens implements ConnectTokens {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async save(tokenHash: string, companyId: CompanyId, expiresAt: Date): Promise<void> {
    await this.#rpc.call('connect_token_save', {
      p_token_hash: tokenHash,
      p_company_id: companyId,
      p_expires_at: expiresAt.toISOString(),
    });
  }

  async isValid(tokenHash: string, companyId: CompanyId): Promise<boolean> {
    const valid = await this.#rpc.call('connect_token_is_valid', {
      p_token_hash: tokenHash,
      p_company_id: companyId,
    });
    return valid === true;
  }

  async revokeAll(companyId: CompanyId): Promise<void> {
    await this.#rpc.call('connect_tokens_revoke', { p_company_id: companyId });
  }
}
