import { deterministicUuid } from '../../crypto/hash.ts';
import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { AttendanceReply, AttendanceWriteBackJob } from '../../ports/client-replies.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { AttendanceUpdate, YclientsApi } from '../../ports/yclients.ts';

export type AttendanceWriteBackDeps = Readonly<{
  companies: Pick<Companies, 'byId'>;
  events: Pick<Events, 'record'>;
  yclients: Pick<YclientsApi, 'updateAttendance'>;
  queue: Pick<JobQueue, 'insert'>;
  report: BusinessEvents;
}>;

/** A `no` never cancels the booking: the salon decides. */
const attendanceUpdates: Readonly<Record<AttendanceReply, AttendanceUpdate>> = {
  yes: { attendance: 2 },
  no: { attendance: 0, comment: 'Клиент просит отменить визит (WhatsApp)' },
};

/** Writes a client's answer into the YCLIENTS record, where the salon has granted the right. */
export class AttendanceWriteBack {
  readonly #deps: AttendanceWriteBackDeps;

  constructor(deps: AttendanceWriteBackDeps) {
    this.#deps = deps;
  }

  /** @returns `later` when YCLIENTS is unavailable and a durable job has been enqueued */
  async writeOrEnqueue(
    company: Company,
    job: AttendanceWriteBackJob,
  ): Promise<'updated' | 'gone' | 'refused' | 'later'> {
    try {
      return await this.#update(company, job);
    } catch {
      // The error is not reported here: the job fails the same way and reports it.
      const id = deterministicUuid('write-back', company.id, job.cause);
      await this.#deps.queue.insert('answers', [
        { id, key: `${company.id}:record:${job.recordId}`, data: job },
      ]);
      return 'later';
    }
  }

  /** Job handler. Idempotent. */
  async run(job: AttendanceWriteBackJob): Promise<void> {
    const company = await this.#deps.companies.byId(job.companyId);
    if (company !== undefined) await this.#update(company, job);
  }

  async #update(company: Company, job: AttendanceWriteBackJob): Promise<'updated' | 'gone' | 'refused'> {
    const { yclients, events, report } = this.#deps;
    const { recordId, reminderId, cause } = job;
    try {
      return await yclients.updateAttendance(company, recordId, attendanceUpdates[job.answer]);
    } catch (error) {
      if (!(error instanceof AppError) || error.retryable) throw error;
      // The salon still sees the answer in WhatsApp.
      await events.record({
        companyId: company.id,
        type: 'write_back_refused',
        cause,
        detail: { record_id: recordId, message_id: reminderId },
      });
      report.writeBackRefused(company.id, recordId, error);
      return 'refused';
    }
  }
}
