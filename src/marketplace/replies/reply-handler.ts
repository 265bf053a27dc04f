import { type ClientAnswer, clientAnswerOf } from '../../domain/notification/client-reply.ts';
import type { Company } from '../../domain/company/company.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { hashedUuid } from '../../crypto/hashed-uuid.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { AnswerJob, Answers, Contacts, Messages, VisitAnswer } from '../../ports/message-ports.ts';
import type { Companies, JobQueue, ReceivedText } from '../../ports/ports.ts';
import type { Replanning } from '../bookings/replan.ts';
import type { WriteBack } from './attendance-write-back.ts';

export type ClientAnswersDependencies = Readonly<{
  companies: Pick<Companies, 'byId'>;
  contacts: Contacts;
  answers: Answers;
  messages: Pick<Messages, 'enqueue'>;
  writeBack: Pick<WriteBack, 'now'>;
  replanning: Pick<Replanning, 'request'>;
  queue: Pick<JobQueue, 'insert'>;
  wakeOutbox: (companyId: CompanyId) => void;
  report: BusinessEvents;
  now: () => Date;
}>;

/** What waited longer at WhatsApp answers no reminder any more. A wish for silence is never too old. */
const visitAnswerHoldsMs = 24 * 60 * 60 * 1_000;
/** A reply later than this answers nothing. */
const replyLifetimeMs = 60 * 60 * 1_000;

const replies = {
  start: { ru: 'Сообщения о ваших записях включены.', en: 'Messages about your bookings are on.' },
  yes: { ru: 'Спасибо, визит подтверждён. Ждём вас!', en: 'Thank you, your visit is confirmed. See you!' },
  no: {
    ru: 'Мы передали салону, что вы не сможете прийти.',
    en: 'We have told the salon that you cannot come.',
  },
  gone: {
    ru: 'Этой записи в салоне уже нет. Если вы её не отменяли, свяжитесь с салоном.',
    en: 'The salon does not have this booking any more. If you did not cancel it, please contact the salon.',
  },
} as const;

/** What clients write back: a wish for silence, or an answer to a reminder. Other texts are for the salon to read. */
export class ClientAnswers {
  readonly #deps: ClientAnswersDependencies;

  constructor(deps: ClientAnswersDependencies) {
    this.#deps = deps;
  }

  /** Keeps that the person wrote, and a recognised answer as a durable job. */
  async received(companyId: CompanyId, message: ReceivedText): Promise<void> {
    const { contacts, queue } = this.#deps;
    const { whatsappMessageId, phone, quotedId } = message;
    const answer = this.#answerIn(message);
    if (answer !== undefined) {
      await queue.insert('answers', [
        {
          id: hashedUuid('answer', companyId, whatsappMessageId),
          // A wish for silence waits for no other answer.
          key: `${companyId}:${phone}:${isAboutVisit(answer) ? 'visit' : 'wish'}`,
          data: {
            companyId,
            phone,
            answer,
            whatsappMessageId,
            ...(quotedId !== undefined && { quotedId }),
          },
        },
      ]);
    }
    await contacts.received(companyId, phone);
  }

  /** The job. Safe to run twice. */
  async run(job: AnswerJob): Promise<void> {
    const { companies, contacts, replanning, report } = this.#deps;
    const company = await companies.byId(job.companyId);
    if (company === undefined) return;
    const cause = causeOf(job);
    switch (job.answer) {
      case 'stop':
        if (await contacts.optOut(company.id, job.phone, cause))
          report.clientAnswered(company.id, 'client_opted_out');
        return;
      case 'start':
        if (await contacts.optIn(company.id, job.phone, cause))
          report.clientAnswered(company.id, 'client_opted_in');
        // Also when the wish is known: the process may have ended right after it was written.
        await replanning.request(company.id, job.phone);
        await this.#reply(company, job, { to: 'start', about: job.whatsappMessageId });
        return;
      case 'yes':
      case 'no':
        await this.#answerToReminder(company, job, job.answer);
        return;
    }
  }

  #answerIn({ text, sentAt }: ReceivedText): ClientAnswer | undefined {
    const answer = clientAnswerOf(text);
    const ageMs = this.#deps.now().getTime() - sentAt.getTime();
    return answer !== undefined && isAboutVisit(answer) && ageMs > visitAnswerHoldsMs ? undefined : answer;
  }

  /** The answer is written down before the platform is asked for anything: it counts whether or not the platform takes it. */
  async #answerToReminder(company: Company, job: AnswerJob, answer: VisitAnswer): Promise<void> {
    const { answers, writeBack, report } = this.#deps;
    const taken = await answers.take(company.id, { ...job, answer });
    if (taken === undefined) return;
    const { recordId, reminderId } = taken;
    if (taken.isNew)
      report.clientAnswered(
        company.id,
        answer === 'yes' ? 'visit_confirmed_by_client' : 'cancellation_asked_by_client',
        recordId,
      );
    const outcome = await writeBack.now(company, {
      companyId: company.id,
      recordId,
      reminderId,
      answer,
      cause: causeOf(job),
    });
    // Who says the same again has been answered.
    if (!taken.differs) return;
    const about = `${reminderId}:${job.whatsappMessageId}`;
    await this.#reply(company, job, { to: outcome === 'gone' ? 'gone' : answer, about, recordId });
  }

  /** `about` makes it one reply. */
  async #reply(
    company: Company,
    job: AnswerJob,
    { to, about, recordId }: Readonly<{ to: keyof typeof replies; about: string; recordId?: number }>,
  ): Promise<void> {
    const { messages, wakeOutbox, report, now } = this.#deps;
    const reply = await messages.enqueue(
      {
        companyId: company.id,
        kind: 'reply',
        idempotencyKey: `reply:${about}`,
        phone: job.phone,
        text: replies[to][company.language],
        ...(recordId !== undefined && { recordId }),
        expiresAt: new Date(now().getTime() + replyLifetimeMs),
        heedsQuietHours: false,
      },
      causeOf(job),
    );
    if (reply === undefined) return;
    report.messageQueued(company.id, reply.id, 'reply', recordId);
    wakeOutbox(company.id);
  }
}

function isAboutVisit(answer: ClientAnswer): answer is VisitAnswer {
  return answer === 'yes' || answer === 'no';
}

function causeOf({ whatsappMessageId }: AnswerJob): string {
  return `answer:${whatsappMessageId}`;
}
