import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { AttendanceUpdate, YclientsPlatform } from '../../ports/yclients.ts';
import type { AttendanceReply, AttendanceWriteBackJob } from '../../ports/client-replies.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import { deterministicUuid } from '../../crypto/hash.ts';

export type AttendanceWriteBackDeps = Readonly<{
  companies: Pick<Companies, 'byId'>;
  events: Pick<Events, 'record'>;
  yclients: Pick<YclientsPlatform, 'updateAttendance'>;
  queue: Pick<JobQueue, 'insert'>;
  report: BusinessEvents;
}>;

/** The salon decides: we never cancel a visit ourselves. */
const attendanceUpdates: Readonly<Record<AttendanceReply, AttendanceUpdate>> = {
  yes: { attendance: 2 },
  no: { attendance: 0, comment: 'Клиент просит отменить визит (WhatsApp)' },
};

/** Writes what a client answered into the platform's record, where the rights allow. */
export class AttendanceWriteBack {
  readonly #deps: AttendanceWriteBackDeps;

  constructor(deps: AttendanceWriteBackDeps) {
    this.#deps = deps;
  }

  /** @returns `later` when the platform cannot be reached: a durable job goes on trying, and holds up no other answer */
  async writeOrEnqueue(
    company: Company,
    job: AttendanceWriteBackJob,
  ): Promise<'marked' | 'gone' | 'refused' | 'later'> {
    try {
      return await this.#update(company, job);
    } catch {
      // The job meets the cause again, and tells of it.
      const id = deterministicUuid('write-back', company.id, job.cause);
      await this.#deps.queue.insert('answers', [
        { id, key: `${company.id}:record:${job.recordId}`, data: job },
      ]);
      return 'later';
    }
  }

  /** The job. Safe to run twice. */
  async run(job: AttendanceWriteBackJob): Promise<void> {
    const company = await this.#deps.companies.byId(job.companyId);
    if (company !== undefined) await this.#update(company, job);
  }

  async #update(company: Company, job: AttendanceWriteBackJob): Promise<'marked' | 'gone' | 'refused'> {
    const { yclients, events, report } = this.#deps;
    const { recordId, reminderId, cause } = job;
    try {
      return await yclients.updateAttendance(company, recordId, attendanceUpdates[job.answer]);
    } catch (error) {
      if (!(error instanceof AppError) || error.retryable) throw error;
      // Without the right to edit records the salon reads the answer in its WhatsApp.
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
