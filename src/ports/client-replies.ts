import type { CompanyId } from '../domain/ids.ts';
import type { ClientReplyKind } from '../domain/notification/client-reply.ts';

export type ClientReplyJob = Readonly<{
  companyId: CompanyId;
  /** E.164 with `+`. */
  phone: string;
  answer: ClientReplyKind;
  whatsappMessageId: string;
  /** WhatsApp id of the quoted message. */
  quotedId?: string;
}>;

/** A recorded reply that is not yet written to the YCLIENTS record. */
export type AttendanceWriteBackJob = Readonly<{
  companyId: CompanyId;
  recordId: number;
  reminderId: string;
  answer: AttendanceReply;
  /** Source of the reply, such as `answer:<WhatsApp id>`. */
  cause: string;
}>;

export type AttendanceReply = Extract<ClientReplyKind, 'yes' | 'no'>;

export type RecordedReply = Readonly<{
  reminderId: string;
  recordId: number;
  /** False if this WhatsApp message was recorded before. */
  isNew: boolean;
  /** Whether it is the first reply to the reminder, or differs from the previous one. */
  isChanged: boolean;
}>;

export interface ClientReplies {
  /**
   * Records a reply to a reminder with its event, once per WhatsApp message. The reply belongs to the quoted reminder, or
   * else to the last one sent to the client.
   * @returns undefined if there is no such reminder
   */
  record(
    companyId: CompanyId,
    reply: Pick<ClientReplyJob, 'phone' | 'whatsappMessageId' | 'quotedId'> &
      Readonly<{ answer: AttendanceReply }>,
  ): Promise<RecordedReply | undefined>;
}
