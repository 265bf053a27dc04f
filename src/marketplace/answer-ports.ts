import type { ClientAnswer } from '../domain/client-answer.ts';
import type { CompanyId } from '../domain/ids.ts';

/** What the use cases need to know of the answers of clients. Types only: this file has no runtime. */

export type AnswerJob = Readonly<{
  companyId: CompanyId;
  /** E.164 with `+`. */
  phone: string;
  answer: ClientAnswer;
  whatsappMessageId: string;
  /** The WhatsApp id of the message that was quoted. */
  quotedId?: string;
}>;

/** An answer that the platform does not know yet. */
export type WriteBackJob = Readonly<{
  companyId: CompanyId;
  recordId: number;
  reminderId: string;
  answer: VisitAnswer;
  /** Such as `answer:<WhatsApp id>`. */
  cause: string;
}>;

export type VisitAnswer = Extract<ClientAnswer, 'yes' | 'no'>;

export type TakenAnswer = Readonly<{
  reminderId: string;
  recordId: number;
  /** False: it was taken before. */
  isNew: boolean;
  /** It says something else than the answer before to the same reminder, or is the first. */
  differs: boolean;
}>;

export interface Answers {
  /**
   * Finds the visit that an answer is about and writes the answer down with its event, once for each WhatsApp message: that
   * of the message that was quoted, else the one of which the client was reminded last. Undefined: it is about none.
   */
  take(
    companyId: CompanyId,
    answer: Pick<AnswerJob, 'phone' | 'whatsappMessageId' | 'quotedId'> & Readonly<{ answer: VisitAnswer }>,
  ): Promise<TakenAnswer | undefined>;
}
