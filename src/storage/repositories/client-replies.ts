import type { CompanyId } from '../../domain/ids.ts';
import type {
  ClientReplyJob,
  ClientReplies,
  RecordedReply,
  AttendanceReply,
} from '../../ports/client-replies.ts';
import type { Rpc } from '../rpc/client.ts';
import { RowReader } from '../rpc/row-reader.ts';

/** Replies to reminders. */
export class StoredClientReplies implements ClientReplies {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async record(
    companyId: CompanyId,
    reply: Pick<ClientReplyJob, 'phone' | 'whatsappMessageId' | 'quotedId'> &
      Readonly<{ answer: AttendanceReply }>,
  ): Promise<RecordedReply | undefined> {
    const recorded = await this.#rpc.call('client_reply_record', {
      p_company_id: companyId,
      p_phone: reply.phone,
      p_whatsapp_message_id: reply.whatsappMessageId,
      p_answer: reply.answer,
      p_quoted_id: reply.quotedId ?? null,
    });
    if (recorded === null) return undefined;
    const row = new RowReader(recorded);
    return {
      reminderId: row.text('reminder_id'),
      recordId: row.number('record_id'),
      isNew: row.boolean('is_new'),
      isChanged: row.boolean('is_changed'),
    };
  }
}
