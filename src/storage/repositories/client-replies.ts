import type { CompanyId } from '../../domain/ids.ts';
import type { AnswerJob, Answers, TakenAnswer, VisitAnswer } from '../../ports/message-ports.ts';
import { RowReader } from '../rpc/row-reader.ts';
import type { Rpc } from '../rpc/client.ts';

/** What clients answered to reminders. */
export class StoredAnswers implements Answers {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async take(
    companyId: CompanyId,
    answer: Pick<AnswerJob, 'phone' | 'whatsappMessageId' | 'quotedId'> & Readonly<{ answer: VisitAnswer }>,
  ): Promise<TakenAnswer | undefined> {
    const taken = await this.#rpc.call('answer_take', {
      p_company_id: companyId,
      p_phone: answer.phone,
      p_whatsapp_message_id: answer.whatsappMessageId,
      p_answer: answer.answer,
      p_quoted_id: answer.quotedId ?? null,
    });
    if (taken === null) return undefined;
    const row = new RowReader(taken);
    return {
      reminderId: row.text('reminder_id'),
      recordId: row.number('record_id'),
      isNew: row.boolean('is_new'),
      differs: row.boolean('differs'),
    };
  }
}
