import { receivedMessageContext } from '../../crypto/encryption-context.ts';
import { deterministicUuid } from '../../crypto/hash.ts';
import { type Keyring, UnreadableSecretError } from '../../crypto/keyring.ts';
import { type CompanyId, companyIdFrom } from '../../domain/ids.ts';
import type {
  ListedMessage,
  UnforwardedMessage,
  ReceivedMessage,
  ReceivedMessages,
  ReceivedText,
} from '../../ports/received-messages.ts';
import type { Rpc } from '../rpc/client.ts';
import { RowReader } from '../rpc/row-reader.ts';

type Content = Readonly<{ phone: string; text: string }>;

/** Messages of clients. Phone and text are encrypted before they leave the process. */
export class StoredReceivedMessages implements ReceivedMessages {
  readonly #rpc: Rpc;
  readonly #keyring: Keyring;

  constructor(rpc: Rpc, keyring: Keyring) {
    this.#rpc = rpc;
    this.#keyring = keyring;
  }

  async save(
    companyId: CompanyId,
    { whatsappMessageId, phone, text, sentAt }: ReceivedText,
  ): Promise<Readonly<{ id: string; needsForwarding: boolean }> | undefined> {
    const id = deterministicUuid('received', companyId, whatsappMessageId);
    const content = JSON.stringify({ phone, text } satisfies Content);
    const needsForwarding = await this.#rpc.call('received_message_save', {
      p_id: id,
      p_company_id: companyId,
      p_whatsapp_message_id: whatsappMessageId,
      p_content: this.#keyring.seal(receivedMessageContext(companyId, id), content).toString('base64'),
      p_sent_at: isPlausibleTime(sentAt) ? sentAt.toISOString() : null,
    });
    return needsForwarding === null ? undefined : { id, needsForwarding: needsForwarding === true };
  }

  async byId(companyId: CompanyId, id: string): Promise<ReceivedMessage | undefined> {
    const row = await this.#rpc.row('received_message_by_id', { p_company_id: companyId, p_id: id });
    return row && { ...this.#decryptContent(companyId, row), ...metadataFrom(row) };
  }

  async after(companyId: CompanyId, position: number, limit: number): Promise<readonly ListedMessage[]> {
    const rows = await this.#rpc.rows('received_messages_after', {
      p_company_id: companyId,
      p_sequence: position,
      p_limit: limit,
    });
    return rows.map((row) => ({
      phone: undefined,
      text: undefined,
      ...this.#tryDecryptContent(companyId, row),
      ...metadataFrom(row),
    }));
  }

  async findUnforwarded(limit: number): Promise<readonly UnforwardedMessage[]> {
    const rows = await this.#rpc.rows('received_messages_unforwarded', { p_limit: limit });
    return rows.map((row) => {
      const companyId = companyIdFrom(row.number('company_id'));
      return { id: row.text('id'), companyId, phone: this.#tryDecryptContent(companyId, row)?.phone };
    });
  }

  async markQueuedForForwarding(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#rpc.call('received_messages_mark_queued_for_forwarding', { p_ids: ids });
  }

  async deleteOlderThan(days: number, limit: number): Promise<number> {
    const deleted = await this.#rpc.call('received_messages_delete_older_than', {
      p_days: days,
      p_limit: limit,
    });
    return new RowReader({ deleted }).number('deleted');
  }

  /** Undefined if the value is unreadable, so that one message does not block a whole list. */
  #tryDecryptContent(companyId: CompanyId, row: RowReader): Content | undefined {
    try {
      return this.#decryptContent(companyId, row);
    } catch (error) {
      if (error instanceof UnreadableSecretError) return undefined;
      throw error;
    }
  }

  /** @throws UnreadableSecretError */
  #decryptContent(companyId: CompanyId, row: RowReader): Content {
    const sealed = Buffer.from(row.text('content'), 'hex');
    const content = new RowReader(
      JSON.parse(this.#keyring.open(receivedMessageContext(companyId, row.text('id')), sealed).toString()),
    );
    return { phone: content.text('phone'), text: content.text('text') };
  }
}

function metadataFrom(row: RowReader): Omit<ReceivedMessage, keyof Content> {
  return {
    id: row.text('id'),
    position: row.number('sequence'),
    sentAt: row.date('sent_at'),
    receivedAt: row.date('received_at'),
  };
}

/** The sender's client sets the time, so it may be out of range for Postgres. */
function isPlausibleTime(time: Date): boolean {
  return time.getTime() >= 0 && time.getTime() < Date.UTC(9_999, 0);
}
