import { companyIdFrom } from '../../domain/ids.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { messageKinds, messageStatuses } from '../../domain/notification/message.ts';
import type { Message, MessageStatus, NewMessage } from '../../domain/notification/message.ts';
import type { PacingLimits } from '../../domain/notification/pacing.ts';
import { isUuid } from '../../lib/uuid.ts';
import type { MessageClaim, Messages } from '../../ports/messages.ts';
import type { Lease } from '../../ports/sessions.ts';
import type { Rpc } from '../rpc/client.ts';
import { RowReader } from '../rpc/row-reader.ts';

/** The outbox. */
export class StoredMessages implements Messages {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async enqueue(message: NewMessage, cause: string): Promise<Message | undefined> {
    const row = await this.#rpc.row('message_enqueue', {
      p_company_id: message.companyId,
      p_message: messageArgument(message),
      p_cause: cause,
    });
    return row && messageFrom(row);
  }

  async byId(companyId: CompanyId, id: string): Promise<Message | undefined> {
    if (!isUuid(id)) return undefined;
    const row = await this.#rpc.row('message_by_id', { p_company_id: companyId, p_message_id: id });
    return row && messageFrom(row);
  }

  async textByWhatsappMessageId(
    companyId: CompanyId,
    whatsappMessageId: string,
  ): Promise<string | undefined> {
    const text = await this.#rpc.call('message_text_by_whatsapp_id', {
      p_company_id: companyId,
      p_whatsapp_message_id: whatsappMessageId,
    });
    return typeof text === 'string' ? text : undefined;
  }

  async claim(
    lease: Lease,
    options: Readonly<{
      limits: PacingLimits | undefined;
      gapMs: number;
      maxAttempts: number;
      quietUntil?: Date;
    }>,
  ): Promise<MessageClaim> {
    const result = await this.#rpc.call('message_claim', {
      p_company_id: lease.companyId,
      p_owner: lease.owner,
      p_token: lease.token,
      p_limits: options.limits ?? null,
      p_gap_ms: Math.round(options.gapMs),
      p_max_attempts: options.maxAttempts,
      p_quiet_until: options.quietUntil?.toISOString() ?? null,
    });
    const row = new RowReader(result);
    const message = row.optionalObject('message');
    return message === undefined
      ? { dueAt: row.optionalDate('due_at'), dueInMs: row.optionalNumber('due_in_ms') }
      : { message: messageFrom(message) };
  }

  async backlog(): Promise<Readonly<{ queued: number; sending: number; oldestDueAt: Date | undefined }>> {
    const row = (await this.#rpc.row('messages_backlog')) ?? new RowReader(undefined);
    return {
      queued: row.number('queued'),
      sending: row.number('sending'),
      oldestDueAt: row.optionalDate('oldest_due_at'),
    };
  }

  async release(lease: Lease, id: string, retryAfterMs: number): Promise<void> {
    await this.#rpc.call('message_release', {
      p_company_id: lease.companyId,
      p_token: lease.token,
      p_message_id: id,
      p_retry_after_ms: Math.round(retryAfterMs),
    });
  }

  async markDispatched(lease: Lease, id: string): Promise<void> {
    await this.#rpc.call('message_mark_dispatched', {
      p_company_id: lease.companyId,
      p_token: lease.token,
      p_message_id: id,
    });
  }

  async advance(
    companyId: CompanyId,
    whatsappMessageId: string,
    to: MessageStatus,
    errorCode?: string,
  ): Promise<Message | undefined> {
    const row = await this.#rpc.row('message_advance', {
      p_company_id: companyId,
      p_whatsapp_message_id: whatsappMessageId,
      p_to: to,
      p_error_code: errorCode ?? null,
    });
    return row && messageFrom(row);
  }

  async expireUnacknowledged(
    lease: Lease,
    options: Readonly<{ ackTimeoutMs: number; maxAttempts: number }>,
  ): Promise<readonly Message[]> {
    const rows = await this.#rpc.rows('message_expire_unacknowledged', {
      p_company_id: lease.companyId,
      p_token: lease.token,
      p_older_than_ms: Math.round(options.ackTimeoutMs),
      p_max_attempts: options.maxAttempts,
    });
    return rows.map(messageFrom);
  }

  async expire(): Promise<readonly Message[]> {
    return (await this.#rpc.rows('messages_expire')).map(messageFrom);
  }
}

/** JSON argument of the message functions. */
export function messageArgument(message: NewMessage): Readonly<Record<string, unknown>> {
  return {
    kind: message.kind,
    idempotency_key: message.idempotencyKey,
    phone: message.phone,
    text: message.text,
    record_id: message.recordId ?? null,
    not_before: message.notBefore?.toISOString() ?? null,
    expires_at: message.expiresAt?.toISOString() ?? null,
    respects_quiet_hours: message.respectsQuietHours ?? true,
    notifies: message.notifies ?? null,
  };
}

function messageFrom(row: RowReader): Message {
  return {
    id: row.text('id'),
    companyId: companyIdFrom(row.number('company_id')),
    kind: row.oneOf(messageKinds, 'kind'),
    phone: row.text('phone'),
    text: row.text('text'),
    recordId: row.optionalNumber('record_id'),
    status: row.oneOf(messageStatuses, 'status'),
    whatsappMessageId: row.text('whatsapp_message_id'),
    attempts: row.number('attempts'),
    errorCode: row.optionalText('error_code'),
    notBefore: row.date('not_before'),
    expiresAt: row.optionalDate('expires_at'),
    createdAt: row.date('created_at'),
    sentAt: row.optionalDate('sent_at'),
    deliveredAt: row.optionalDate('delivered_at'),
    readAt: row.optionalDate('read_at'),
  };
}
