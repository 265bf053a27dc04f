import type { ClientReplyKind } from '../domain/notification/client-reply.ts';
import type { CompanyId } from '../domain/ids.ts';

export type ClientReplyJob = Readonly<{
  companyId: CompanyId;
  /** E.164 with `+`. */
  phone: string;
  answer: ClientReplyKind;
  whatsappMessageId: string;
  /** The WhatsApp id of the message that was quoted. */
  quotedId?: string;
}>;

/** An answer that the platform does not know yet. */
export type AttendanceWriteBackJob = Readonly<{
  companyId: CompanyId;
  recordId: number;
  reminderId: string;
  answer: AttendanceReply;
  /** Such as `answer:<WhatsApp id>`. */
  cause: string;
}>;

export type AttendanceReply = Extract<ClientReplyKind, 'yes' | 'no'>;

export type RecordedReply = Readonly<{
  reminderId: string;
  recordId: number;
  /** False: it was taken before. */
  isNew: boolean;
  /** It says something else than the answer before to the same reminder, or is the first. */
  isChanged: boolean;
}>;

export interface ClientReplies {
  /**
   * Finds the visit that an answer is about and writes the answer down with its event, once for each WhatsApp message: that
   * of the message that was quoted, else the one of which the client was reminded last. Undefined: it is about none.
   */
  record(
    companyId: CompanyId,
    reply: Pick<ClientReplyJob, 'phone' | 'whatsappMessageId' | 'quotedId'> &
      Readonly<{ answer: AttendanceReply }>,
  ): Promise<RecordedReply | undefined>;
}
