import { deterministicUuid } from '../../crypto/hash.ts';
import type { Company } from '../../domain/company/company.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { type ClientReplyKind, parseClientReply } from '../../domain/notification/client-reply.ts';
import type { Outbox } from '../../messaging/outbox.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { ClientReplyJob, ClientReplies, AttendanceReply } from '../../ports/client-replies.ts';
import type { Companies } from '../../ports/companies.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { Contacts, Messages } from '../../ports/messages.ts';
import type { ReceivedText } from '../../ports/received-messages.ts';
import type { Replanner } from '../bookings/replan.ts';
import type { AttendanceWriteBack } from './attendance-write-back.ts';

export type ReplyHandlerDeps = Readonly<{
  companies: Pick<Companies, 'byId'>;
  contacts: Contacts;
  clientReplies: ClientReplies;
  messages: Pick<Messages, 'enqueue'>;
  attendanceWriteBack: Pick<AttendanceWriteBack, 'writeOrEnqueue'>;
  replanner: Pick<Replanner, 'request'>;
  queue: Pick<JobQueue, 'insert'>;
  outbox: Pick<Outbox, 'wake'>;
  report: BusinessEvents;
  now: () => Date;
}>;

/** Older answers to reminders are ignored, such as those delivered after a long disconnection. Opt-outs have no limit. */
const maxAttendanceReplyAgeMs = 24 * 60 * 60 * 1_000;
const replyLifetimeMs = 60 * 60 * 1_000;

const replyTexts = {
  start: { ru: 'Сообщения о ваших записях включены.', en: 'Messages about your bookings are on.' },
  yes: { ru: 'Спасибо, визит подтверждён. Ждём вас!', en: 'Thank you, your visit is confirmed. See you!' },
  no: {
    ru: 'Мы передали салону, что вы не сможете прийти.',
    en: 'We have notified the salon that you cannot come.',
  },
  gone: {
    ru: 'Этой записи в салоне уже нет. Если вы её не отменяли, свяжитесь с салоном.',
    en: 'This booking no longer exists. If you did not cancel it, please contact the salon.',
  },
} as const;

/** Handles keyword replies of clients: opt-out, opt-in, and answers to reminders. */
export class ReplyHandler {
  readonly #deps: ReplyHandlerDeps;

  constructor(deps: ReplyHandlerDeps) {
    this.#deps = deps;
  }

  /** Enqueues a job for a recognised reply, and records the contact, for whom first-contact limits no longer apply. */
  async handle(companyId: CompanyId, message: ReceivedText): Promise<void> {
    const { contacts, queue } = this.#deps;
    const { whatsappMessageId, phone, quotedId } = message;
    const answer = this.#parseReply(message);
    if (answer !== undefined) {
      await queue.insert('answers', [
        {
          id: deterministicUuid('answer', companyId, whatsappMessageId),
          // Separate keys: an opt-out must not wait behind an answer that is being retried.
          key: `${companyId}:${phone}:${isAttendanceReply(answer) ? 'visit' : 'wish'}`,
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

  /** Job handler. Idempotent. */
  async run(job: ClientReplyJob): Promise<void> {
    const { companies, contacts, replanner, report } = this.#deps;
    const company = await companies.byId(job.companyId);
    if (company === undefined) return;
    const cause = replyCause(job);
    switch (job.answer) {
      case 'stop':
        if (await contacts.optOut(company.id, job.phone, cause))
          report.clientReplied(company.id, 'client_opted_out');
        return;
      case 'start':
        if (await contacts.optIn(company.id, job.phone, cause))
          report.clientReplied(company.id, 'client_opted_in');
        // Also for a repeated opt-in: the process may have exited before this request.
        await replanner.request(company.id, job.phone);
        await this.#reply(company, job, { textKey: 'start', keySuffix: job.whatsappMessageId });
        return;
      case 'yes':
      case 'no':
        await this.#recordAttendanceReply(company, job, job.answer);
        return;
    }
  }

  #parseReply({ text, sentAt }: ReceivedText): ClientReplyKind | undefined {
    const answer = parseClientReply(text);
    const ageMs = this.#deps.now().getTime() - sentAt.getTime();
    return answer !== undefined && isAttendanceReply(answer) && ageMs > maxAttendanceReplyAgeMs
      ? undefined
      : answer;
  }

  /** Records the answer before the write-back, so that it is kept when YCLIENTS rejects the update. */
  async #recordAttendanceReply(
    company: Company,
    job: ClientReplyJob,
    answer: AttendanceReply,
  ): Promise<void> {
    const { clientReplies, attendanceWriteBack, report } = this.#deps;
    const recorded = await clientReplies.record(company.id, { ...job, answer });
    if (recorded === undefined) return;
    const { recordId, reminderId } = recorded;
    if (recorded.isNew)
      report.clientReplied(
        company.id,
        answer === 'yes' ? 'visit_confirmed_by_client' : 'cancellation_asked_by_client',
        recordId,
      );
    const outcome = await attendanceWriteBack.writeOrEnqueue(company, {
      companyId: company.id,
      recordId,
      reminderId,
      answer,
      cause: replyCause(job),
    });
    // A repeated answer causes no second reply.
    if (!recorded.isChanged) return;
    const keySuffix = `${reminderId}:${job.whatsappMessageId}`;
    await this.#reply(company, job, { textKey: outcome === 'gone' ? 'gone' : answer, keySuffix, recordId });
  }

  /** `keySuffix` deduplicates the reply. */
  async #reply(
    company: Company,
    job: ClientReplyJob,
    {
      textKey,
      keySuffix,
      recordId,
    }: Readonly<{ textKey: keyof typeof replyTexts; keySuffix: string; recordId?: number }>,
  ): Promise<void> {
    const { messages, outbox, report, now } = this.#deps;
    const reply = await messages.enqueue(
      {
        companyId: company.id,
        kind: 'reply',
        idempotencyKey: `reply:${keySuffix}`,
        phone: job.phone,
        text: replyTexts[textKey][company.language],
        ...(recordId !== undefined && { recordId }),
        expiresAt: new Date(now().getTime() + replyLifetimeMs),
        respectsQuietHours: false,
      },
      replyCause(job),
    );
    if (reply === undefined) return;
    report.messageQueued(company.id, reply.id, 'reply', recordId);
    outbox.wake(company.id);
  }
}

function isAttendanceReply(answer: ClientReplyKind): answer is AttendanceReply {
  return answer === 'yes' || answer === 'no';
}

function replyCause({ whatsappMessageId }: ClientReplyJob): string {
  return `answer:${whatsappMessageId}`;
}
