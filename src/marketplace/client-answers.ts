import { type ClientAnswer, clientAnswerOf } from '../domain/client-answer.ts';
import type { Company } from '../domain/company.ts';
import { AppError } from '../domain/errors.ts';
import type { CompanyId } from '../domain/ids.ts';
import { hashedUuid } from '../lib/hashed-uuid.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Contacts, Messages } from './message-ports.ts';
import type { Companies, Events, JobQueue, YclientsPlatform } from './ports.ts';
import type { Replanning } from './replanning.ts';

export type ReceivedText = Readonly<{ whatsappMessageId: string; phone: string; text: string }>;

export type AnswerJob = Readonly<{
  companyId: CompanyId;
  phone: string;
  answer: ClientAnswer;
  whatsappMessageId: string;
}>;

export type ClientAnswersDependencies = Readonly<{
  companies: Pick<Companies, 'byId'>;
  contacts: Contacts;
  messages: Pick<Messages, 'enqueue' | 'latestReminder'>;
  events: Pick<Events, 'record'>;
  yclients: Pick<YclientsPlatform, 'markRecord'>;
  replanning: Pick<Replanning, 'request'>;
  queue: Pick<JobQueue, 'insert'>;
  wakeOutbox: (companyId: CompanyId) => void;
  report: BusinessEvents;
  now: () => Date;
}>;

/** A reply later than this answers nothing. */
const replyLifetimeMs = 60 * 60 * 1_000;

const replies = {
  start: {
    ru: 'Сообщения о ваших записях снова включены.',
    en: 'Messages about your bookings are on again.',
  },
  yes: { ru: 'Спасибо, визит подтверждён. Ждём вас!', en: 'Thank you, your visit is confirmed. See you!' },
  no: {
    ru: 'Мы передали салону, что вы не сможете прийти.',
    en: 'We have told the salon that you cannot come.',
  },
} as const;

/** Written into the platform's record: the salon decides, we never cancel a visit ourselves. */
const cancellationWish = 'Клиент просит отменить визит (WhatsApp)';

/** What clients write back: a wish for silence, or an answer to a reminder. Other texts are for the salon to read. */
export class ClientAnswers {
  readonly #deps: ClientAnswersDependencies;

  constructor(deps: ClientAnswersDependencies) {
    this.#deps = deps;
  }

  /** Keeps that the person wrote, and a recognised answer as a durable job; the text itself is kept nowhere. */
  async received(companyId: CompanyId, { whatsappMessageId, phone, text }: ReceivedText): Promise<void> {
    const { contacts, queue } = this.#deps;
    const answer = clientAnswerOf(text);
    if (answer !== undefined) {
      await queue.insert('answers', [
        {
          id: hashedUuid('answer', companyId, whatsappMessageId),
          key: `${companyId}:${phone}`,
          data: { companyId, phone, answer, whatsappMessageId },
        },
      ]);
    }
    await contacts.received(companyId, phone);
  }

  /** The job. Safe to run twice. */
  async run(job: AnswerJob): Promise<void> {
    const { companies, contacts, replanning } = this.#deps;
    const company = await companies.byId(job.companyId);
    if (company === undefined) return;
    const cause = `answer:${job.whatsappMessageId}`;
    switch (job.answer) {
      case 'stop':
        if (await contacts.optOut(company.id, job.phone, cause)) this.#report(company, 'client_opted_out');
        return;
      case 'start':
        if (!(await contacts.optIn(company.id, job.phone, cause))) return;
        this.#report(company, 'client_opted_in');
        await replanning.request(company.id, job.phone);
        await this.#reply(company, job, 'start', cause);
        return;
      case 'yes':
      case 'no':
        await this.#answerToReminder(company, job, job.answer, cause);
        return;
    }
  }

  async #answerToReminder(
    company: Company,
    job: AnswerJob,
    answer: 'yes' | 'no',
    cause: string,
  ): Promise<void> {
    const { messages, events, yclients } = this.#deps;
    const reminder = await messages.latestReminder(company.id, job.phone);
    if (reminder === undefined) return;
    const { recordId, messageId } = reminder;
    const record = (type: string): Promise<void> =>
      events.record({
        companyId: company.id,
        type,
        cause,
        detail: { record_id: recordId, message_id: messageId },
      });
    try {
      await yclients.markRecord(
        company,
        recordId,
        answer === 'yes' ? { attendance: 2 } : { comment: cancellationWish },
      );
    } catch (error) {
      // Without the right to edit records the salon reads the answer in its WhatsApp.
      const isFinal = error instanceof AppError && ['FORBIDDEN', 'COMPANY_NOT_FOUND'].includes(error.code);
      if (!isFinal) throw error;
      await record('write_back_refused');
    }
    const type = answer === 'yes' ? 'visit_confirmed_by_client' : 'cancellation_asked_by_client';
    await record(type);
    this.#report(company, type);
    await this.#reply(company, job, answer, cause, recordId);
  }

  async #reply(
    company: Company,
    job: AnswerJob,
    to: keyof typeof replies,
    cause: string,
    recordId?: number,
  ): Promise<void> {
    const { messages, wakeOutbox, now } = this.#deps;
    // Who answers a reminder twice is answered once.
    const about = recordId ?? job.whatsappMessageId;
    await messages.enqueue(
      {
        companyId: company.id,
        kind: 'reply',
        idempotencyKey: `reply:${to}:${about}`,
        phone: job.phone,
        text: replies[to][company.language],
        ...(recordId !== undefined && { recordId }),
        expiresAt: new Date(now().getTime() + replyLifetimeMs),
        heedsQuietHours: false,
      },
      cause,
    );
    wakeOutbox(company.id);
  }

  #report({ id }: Company, what: string): void {
    this.#deps.report.clientAnswered(id, what);
  }
}
