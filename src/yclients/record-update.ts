import joi from 'joi';
import { isoWithOffset, localTimeFrom } from '../domain/company/salon-time.ts';
import type { AttendanceUpdate } from '../ports/yclients.ts';
import { validate } from './response-schemas.ts';

/** The fields that a `PUT` of a record must repeat. */
type YclientsRecord = Readonly<{
  staff_id: number;
  services: readonly unknown[];
  client: Readonly<Record<string, unknown>> | null;
  /** Local time of the salon, in one of several formats. */
  date: string;
  /** Its UTC offset is wrong around daylight saving changes. */
  datetime: string;
  seance_length: number;
  attendance: number;
  comment: string;
  deleted: boolean;
}>;

const recordSchema = joi
  .object<YclientsRecord>({
    staff_id: joi.number().required(),
    services: joi.array().required(),
    client: joi.object().unknown().required().allow(null),
    date: joi.string().allow('').empty(null).default(''),
    datetime: joi.string().required(),
    seance_length: joi.number().required(),
    attendance: joi.number().default(0),
    comment: joi.string().allow('').empty(null).default(''),
    deleted: joi.boolean().truthy(1, '1').falsy(0, '0').default(false),
  })
  .unknown()
  .required();

/** @throws AppError `UPSTREAM_ERROR` */
export function readRecord(data: unknown): YclientsRecord {
  return validate(recordSchema, data, 'record');
}

/** The body of the `PUT`, or undefined when the record already has the attendance and the comment. */
export function buildRecordUpdate(
  record: YclientsRecord,
  update: AttendanceUpdate,
  timeZone: string | undefined,
): Readonly<Record<string, unknown>> | undefined {
  const { staff_id, services, client, seance_length } = record;
  const isOutcomeRecorded = record.attendance === 1 || record.attendance === -1;
  const attendance = isOutcomeRecorded ? record.attendance : update.attendance;
  const hasComment = update.comment === undefined || record.comment.includes(update.comment);
  const comment = hasComment ? record.comment : [record.comment, update.comment].filter(Boolean).join('\n');
  if (attendance === record.attendance && comment === record.comment) return undefined;
  return {
    staff_id,
    services,
    client,
    datetime: datetimeWithOffset(record, timeZone),
    seance_length,
    attendance,
    comment,
  };
}

/** YCLIENTS applies the UTC offset of a `PUT`, so a wrong one would move the visit. */
function datetimeWithOffset({ date, datetime }: YclientsRecord, timeZone: string | undefined): string {
  const local = localTimeFrom(date) ?? localTimeFrom(datetime);
  return local === undefined || timeZone === undefined ? datetime : isoWithOffset(local, timeZone);
}
