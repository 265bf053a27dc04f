import { companyIdFrom, salonIdFrom } from '../../domain/ids.ts';
import {
  companySecretContext,
  credentialContext,
  outgoingWebhookContext,
  receivedMessageContext,
} from '../../crypto/encryption-context.ts';
import type {
  SealedReplacement,
  SealedTable,
  SealedValue,
  SealedValues,
} from '../../ports/encrypted-values.ts';
import { RowReader } from '../rpc/row-reader.ts';
import type { Rpc } from '../rpc/client.ts';

type ContextOf = (value: Omit<SealedValue, 'context'>) => string;

export const contextOfCredential: ContextOf = ({ companyId, type, id }) =>
  credentialContext(companyId, type, id);
const contextOfSecret: ContextOf = ({ type, id }) => companySecretContext(salonIdFrom(Number(id)), type);
const contextOfReceived: ContextOf = ({ companyId, id }) => receivedMessageContext(companyId, id);
const contextOfOutgoing: ContextOf = ({ companyId, type }) =>
  outgoingWebhookContext(companyId, type === 'url' ? 'url' : 'secret');

/** Everything in the database that is sealed. */
export class StoredSealedValues implements SealedValues {
  readonly tables: readonly SealedTable[];
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
    this.tables = [
      new StoredSealedTable(rpc, 'sealed_credentials', contextOfCredential),
      new StoredSealedTable(rpc, 'sealed_quarantine', contextOfCredential),
      new StoredSealedTable(rpc, 'sealed_secrets', contextOfSecret),
      new StoredSealedTable(rpc, 'sealed_outgoing', contextOfOutgoing),
      new StoredSealedTable(rpc, 'sealed_received', contextOfReceived),
    ];
  }

  async countNotUnder(header: Uint8Array): Promise<number> {
    const count = await this.#rpc.call('sealed_values_count', { p_header: hex(header) });
    return new RowReader({ count }).number('count');
  }

  /** Up to the database's own vacuum. */
  async forgetReplaced(): Promise<boolean> {
    return false;
  }
}

export class StoredSealedTable implements SealedTable {
  readonly #rpc: Rpc;
  readonly #functions: string;
  readonly #contextOf: ContextOf;

  constructor(rpc: Rpc, functions: string, contextOf: ContextOf) {
    this.#rpc = rpc;
    this.#functions = functions;
    this.#contextOf = contextOf;
  }

  async notUnder(
    header: Uint8Array,
    after: SealedValue | undefined,
    limit: number,
  ): Promise<readonly SealedValue[]> {
    const { companyId = 0, token = 0, type = '', id = '' } = after ?? {};
    const rows = await this.#rpc.rows(`${this.#functions}_read`, {
      p_header: hex(header),
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
      return { ...value, context: this.#contextOf(value) };
    });
  }

  async replace(replacements: readonly SealedReplacement[]): Promise<number> {
    const replaced = await this.#rpc.call(`${this.#functions}_replace`, {
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
