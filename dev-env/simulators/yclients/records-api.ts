import joi from 'joi';
import { DateTime } from 'luxon';
import type { RecordFormat, SimulatedRecord } from './record.ts';
import { ok, errorReply, type Reply } from './reply.ts';

type FullRecord = Readonly<{
  staff_id: number;
  services: readonly unknown[];
  client: object | null;
  datetime: string;
  seance_length: number;
  attendance?: number;
  comment?: string;
}>;

/** A PUT requires the whole record, unchanged fields included. */
const fullRecord = joi
  .object<FullRecord>({
    staff_id: joi.number().required(),
    services: joi
      .array()
      .items(joi.object({ id: joi.number().required() }).unknown())
      .required(),
    client: joi.object().required().allow(null),
    datetime: joi.string().isoDate().raw().required(),
    seance_length: joi.number().positive().required(),
    attendance: joi.valid(-1, 0, 1, 2),
    comment: joi.string().allow(''),
  })
  .unknown()
  .required();

/** `PUT /record/{company}/{id}`: time, length, comment and attendance can change here. */
export function changeRecord(record: SimulatedRecord, body: unknown, now: number, form: RecordFormat): Reply {
  const result = fullRecord.validate(body);
  if (result.error !== undefined) return errorReply(422, 'An error has occurred.', [result.error.message]);
  const { datetime, seance_length, attendance, comment } = result.value;
  const start = DateTime.fromISO(datetime, { zone: record.salon.zone }).toFormat('yyyy-MM-dd HH:mm:ss');
  record.change({ start, lengthSeconds: seance_length, ...(comment === undefined ? {} : { comment }) }, now);
  if (attendance !== undefined) record.setAttendance(attendance, now);
  return ok(record.restBody(form));
}

/** `GET /records/{company}` with `start_date`, `end_date`, `changed_after`, `page`, `count`, `with_deleted`. */
export function listRecords(
  records: readonly SimulatedRecord[],
  query: URLSearchParams,
  form: RecordFormat,
): Reply {
  const [from, to] = [query.get('start_date') ?? '', query.get('end_date') ?? '9999'];
  const changedAfter = DateTime.fromISO(query.get('changed_after') ?? '1970-01-01').toMillis();
  const matching = records.filter(
    (record) =>
      record.start.slice(0, 10) >= from &&
      record.start.slice(0, 10) <= to &&
      record.changedAt >= changedAfter &&
      (!record.deleted || query.get('with_deleted') === '1'),
  );
  const [page, count] = [Number(query.get('page') ?? 1), Number(query.get('count') ?? 50)];
  const slice = matching.slice((page - 1) * count, page * count);
  return ok(
    slice.map((record) => record.restBody(form)),
    { page, total_count: matching.length },
  );
}
