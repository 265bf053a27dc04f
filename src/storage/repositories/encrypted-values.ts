import {
  companySecretContext,
  credentialContext,
  outgoingWebhookContext,
  receivedMessageContext,
} from '../../crypto/encryption-context.ts';
import { companyIdFrom, salonIdFrom } from '../../domain/ids.ts';
import type {
  EncryptedReplacement,
  EncryptedTable,
  EncryptedValue,
  EncryptedValues,
} from '../../ports/encrypted-values.ts';
import type { Rpc } from '../rpc/client.ts';
import { RowReader } from '../rpc/row-reader.ts';

type ContextFor = (value: Omit<EncryptedValue, 'context'>) => string;

const credentialContextFor: ContextFor = ({ companyId, type, id }) => credentialContext(companyId, type, id);
const companySecretContextFor: ContextFor = ({ type, id }) =>
  companySecretContext(salonIdFrom(Number(id)), type);
const receivedMessageContextFor: ContextFor = ({ companyId, id }) => receivedMessageContext(companyId, id);
const outgoingWebhookContextFor: ContextFor = ({ companyId, type }) =>
  outgoingWebhookContext(companyId, type === 'url' ? 'url' : 'secret');

/** All encrypted values in the database. */
export class StoredEncryptedValues implements EncryptedValues {
  readonly tables: readonly EncryptedTable[];
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
    this.tables = [
      new StoredEncryptedTable(rpc, 'encrypted_credentials', credentialContextFor),
      new StoredEncryptedTable(rpc, 'encrypted_quarantine', credentialContextFor),
      new StoredEncryptedTable(rpc, 'encrypted_company_secrets', companySecretContextFor),
      new StoredEncryptedTable(rpc, 'encrypted_outgoing_webhooks', outgoingWebhookContextFor),
      new StoredEncryptedTable(rpc, 'encrypted_received_messages', receivedMessageContextFor),
    ];
  }

  async countStale(keyPrefix: Uint8Array): Promise<number> {
    const count = await this.#rpc.call('encrypted_values_count_stale', { p_key_prefix: hex(keyPrefix) });
    return new RowReader({ count }).number('count');
  }

  /** No-op: vacuum removes old row versions. */
  async compact(): Promise<boolean> {
    return false;
  }
}

/** Encrypted values behind the functions `<prefix>_find_stale` and `<prefix>_replace`. */
class StoredEncryptedTable implements EncryptedTable {
  readonly #rpc: Rpc;
  readonly #functionPrefix: string;
  readonly #contextFor: ContextFor;

  constructor(rpc: Rpc, functionPrefix: string, contextFor: ContextFor) {
    this.#rpc = rpc;
    this.#functionPrefix = functionPrefix;
    this.#contextFor = contextFor;
  }

  async findStale(
    keyPrefix: Uint8Array,
    after: EncryptedValue | undefined,
    limit: number,
  ): Promise<readonly EncryptedValue[]> {
    const { companyId = 0, token = 0, type = '', id = '' } = after ?? {};
    const rows = await this.#rpc.rows(`${this.#functionPrefix}_find_stale`, {
      p_key_prefix: hex(keyPrefix),
      p_after: { company_id: companyId, token, type, id },
      p_limit: limit,
    });
    return rows.map((row) => {
      const value = {
        companyId: companyIdFrom(row.number('company_id')),
        token: row.number('token'),
        type: row.text('type'),
        id: row.text('id'),
        value: Buffer.from(row.text('value'), 'hex'),
      };
      return { ...value, context: this.#contextFor(value) };
    });
  }

  async replace(replacements: readonly EncryptedReplacement[]): Promise<number> {
    const replaced = await this.#rpc.call(`${this.#functionPrefix}_replace`, {
      p_changes: replacements.map(({ stored, value }) => ({
        company_id: stored.companyId,
        token: stored.token,
        type: stored.type,
        id: stored.id,
        before: hex(stored.value),
        after: hex(value),
      })),
    });
    return new RowReader({ replaced }).number('replaced');
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
