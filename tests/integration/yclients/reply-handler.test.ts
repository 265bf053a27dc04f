import { describe, expect, it } from 'vitest';
import type { ClientReplyKind } from '../../../src/domain/notification/client-reply.ts';
import { AttendanceWriteBack } from '../../../src/marketplace/replies/attendance-write-back.ts';
import { ReplyHandler } from '../../../src/marketplace/replies/reply-handler.ts';
import { createBusinessEvents } from '../../../src/observability/events.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import type { ClientReplyJob, AttendanceWriteBackJob } from '../../../src/ports/client-replies.ts';
import type { NewJob } from '../../../src/ports/job-queue.ts';
import type { ReceivedText } from '../../../src/ports/received-messages.ts';
import { captureLog } from '../../support/checkers/captured-log.ts';
import { installation, startClient, unlimited } from '../../support/clients/yclients-client.ts';
import { engines } from '../../support/fixtures/engines.ts';
import { localTimeInHours, phone, RemindedSalon } from '../../support/fixtures/reminded-salon.ts';
import { useStore } from '../../support/fixtures/storage.ts';
import { booking } from '../../support/fixtures/yclients-fixture.ts';

const hourMs = 60 * 60_000;
const readRecord = 'GET /api/v1/record/*';

describe.each(engines())('a client reply, in $name', ({ make }) => {
  const store = useStore(make);
  let textCount = 0;

  it('is confirmed during a YCLIENTS outage and written back after it', async () => {
    const salon = await open();
    salon.yclients.refuse(readRecord, 503);
    await salon.answer('yes');
    await salon.answer('no');
    expect(await salon.replies()).toEqual([
      expect.stringContaining('визит подтверждён'),
      expect.stringContaining('не сможете прийти'),
    ]);
    expect(await salon.events()).toEqual(['visit_confirmed_by_client', 'cancellation_asked_by_client']);
    expect(salon.jobs).toHaveLength(2);
    await expect(salon.writeBacks()).rejects.toMatchObject({ code: 'UPSTREAM_ERROR' });

    salon.yclients.restore();
    salon.yclients.limitRates(unlimited);
    await salon.writeBacks();
    expect(salon.record.restBody()).toMatchObject({
      attendance: 0,
      comment: expect.stringContaining('просит отменить') as unknown,
    });
    expect(await salon.replies()).toHaveLength(2);
  });

  it.each([401, 403, 422])(
    'is confirmed although YCLIENTS rejects the write-back with %i',
    async (status) => {
      const salon = await open();
      salon.yclients.refuse('PUT /api/v1/record/*', status);
      await salon.answer('yes');
      expect(await salon.events()).toEqual(['visit_confirmed_by_client', 'write_back_refused']);
      expect(await salon.replies()).toEqual([expect.stringContaining('визит подтверждён')]);
      expect(salon.jobs).toEqual([]);
      expect(salon.log.lines.filter((line) => line.includes('Write-back refused'))).toHaveLength(1);
    },
  );

  it('is answered with a notice when the salon has deleted the record', async () => {
    const salon = await open();
    salon.yclients.cancel(salon.record.id);
    await salon.answer('yes');
    expect(await salon.replies()).toEqual([expect.stringContaining('уже нет')]);
  });

  it('is confirmed once until the client changes the reply', async () => {
    const salon = await open();
    for (const answer of ['yes', 'yes', 'no', 'yes'] as const) await salon.answer(answer);
    await salon.remindOfNewVisit();
    await salon.answer('yes');
    expect(await salon.replies()).toEqual([
      expect.stringContaining('визит подтверждён'),
      expect.stringContaining('не сможете прийти'),
      expect.stringContaining('визит подтверждён'),
      expect.stringContaining('визит подтверждён'),
    ]);
  });

  it('is confirmed once when its job runs twice', async () => {
    const salon = await open();
    const job = salon.job('no');
    await salon.replyHandler.run(job);
    await salon.replyHandler.run(job);
    expect(await salon.replies()).toHaveLength(1);
    expect(await salon.events()).toEqual(['cancellation_asked_by_client']);
  });

  it('is written back but not confirmed after STOP', async () => {
    const salon = await open();
    await salon.answer('stop');
    await salon.answer('yes');
    expect(await salon.replies()).toEqual([]);
    expect(salon.record.restBody().attendance).toBe(2);
  });

  it('START enables messages again, also when its job is repeated after the opt-in', async () => {
    const salon = await open();
    await salon.answer('stop');
    const job = salon.job('start');
    await store.repositories.contacts.optIn(job.companyId, phone, `answer:${job.whatsappMessageId}`);
    await salon.replyHandler.run(job);
    expect(salon.replanned).toEqual([phone]);
    await salon.replyHandler.run(job);
    expect(await salon.replies()).toEqual([expect.stringContaining('включены')]);
  });

  it('older than a day applies only if it is STOP or START', async () => {
    const salon = await open();
    for (const text of ['СТОП', 'старт', '1', '0']) await salon.receive(text, 25 * hourMs);
    await salon.receive('да', 23 * hourMs);
    expect(salon.jobs.map(({ data }) => data['answer'])).toEqual(['stop', 'start', 'yes']);
  });

  it('STOP and START use another queue key than replies to a reminder', async () => {
    const salon = await open();
    for (const text of ['1', '0', 'СТОП', 'старт']) await salon.receive(text);
    const [first, second, stop, start] = salon.jobs.map(({ key }) => key);
    expect(first).toBe(second);
    expect(stop).toBe(start);
    expect(stop).not.toBe(first);
  });

  /** A salon in the YCLIENTS simulator whose client has received a reminder. */
  async function open() {
    const { repositories } = store;
    const salon = await RemindedSalon.open(repositories);
    const { id: companyId, salonId, timeZone = '' } = salon.company;
    const { simulator, client } = await startClient({ resilience: { attempts: 1, breakerFailures: 100 } });
    simulator.addSalon({ id: salonId, title: 'Студия «Лён»', timeZone });
    simulator.pressConnect(salonId);
    await client.activate({ ...installation, salonId, webhookUrls: [] });
    const remindOfNewVisit = async () => {
      const visit = simulator.book(salonId, { ...booking, start: localTimeInHours(24) });
      await salon.remind({ recordId: visit.id });
      return visit;
    };
    const record = await remindOfNewVisit();

    const log = captureLog();
    const report = createBusinessEvents(log, createMetrics());
    const jobs: NewJob[] = [];
    const replanned: (string | undefined)[] = [];
    const queue = { insert: async (_queue: string, added: readonly NewJob[]) => void jobs.push(...added) };
    const writeBack = new AttendanceWriteBack({ ...repositories, yclients: client, queue, report });
    const replyHandler = new ReplyHandler({
      ...repositories,
      attendanceWriteBack: writeBack,
      replanner: { request: async (_companyId, of) => void replanned.push(of) },
      queue,
      outbox: { wake: () => {} },
      report,
      now: () => new Date(),
    });
    const nextMessageId = () => `text ${(textCount += 1)}`;
    const job = (answer: ClientReplyKind): ClientReplyJob => {
      return { companyId, phone, answer, whatsappMessageId: nextMessageId() };
    };
    return {
      remindOfNewVisit,
      yclients: simulator,
      record,
      log,
      jobs,
      replanned,
      replyHandler,
      job,
      answer: (answer: ClientReplyKind) => replyHandler.run(job(answer)),
      receive: async (text: string, ageMs = 0) => {
        const sentAt = new Date(Date.now() - ageMs);
        const received: ReceivedText = { whatsappMessageId: nextMessageId(), phone, text, sentAt };
        await replyHandler.handle(companyId, received);
      },
      writeBacks: async () => {
        for (const { data } of jobs) await writeBack.run(data as unknown as AttendanceWriteBackJob);
      },
      events: async () => {
        const events = await repositories.events.byRecord(companyId, record.id, 100);
        return events.map(({ type }) => type).filter((type) => !/^(?:webhook|message)_/.test(type));
      },
      replies: async () => {
        const rows = await store.database.sql.query(
          `select text from messages where company_id = $1 and kind = 'reply' order by sequence`,
          [companyId],
        );
        return rows.map(({ text }) => text);
      },
    };
  }
});
