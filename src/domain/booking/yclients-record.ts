import { formatPhone } from '../company/phone.ts';
import { localTimeFrom } from '../company/salon-time.ts';
import { parsePositiveInteger } from '../ids.ts';
import { isJsonObject, type JsonObject } from '../json-object.ts';
import type { BookedService, Booking } from './booking.ts';

/**
 * Parses a YCLIENTS record from a `record` webhook or `GET /records`. Lenient: YCLIENTS sends integers for booleans, null
 * clients and staff, and an empty list for a deleted record. Undefined without a valid start.
 */
export function bookingFrom(recordId: number, data: unknown): Booking | undefined {
  const record = toJsonObject(data);
  const startsAt =
    localTimeFrom(trimmedText(record['date']) ?? '') ?? localTimeFrom(trimmedText(record['datetime']) ?? '');
  if (startsAt === undefined) return undefined;
  const staff = toJsonObject(record['staff']);
  const client = toJsonObject(record['client']);
  const phone = trimmedText(client['phone']);
  return {
    recordId,
    startsAt,
    staffId: parsePositiveInteger(staff['id']) ?? parsePositiveInteger(record['staff_id']),
    staffName: trimmedText(staff['name']),
    services: servicesFrom(record['services']),
    clientPhone: phone === undefined ? undefined : formatPhone(phone),
    clientName: trimmedText(client['name']),
    cancelled: isTrue(record['deleted']),
    attendance: attendanceFrom(record['attendance']) ?? attendanceFrom(record['visit_attendance']) ?? 0,
    online: isTrue(record['online']),
    durationSeconds:
      parsePositiveInteger(record['seance_length']) ?? parsePositiveInteger(record['length']) ?? 0,
    createdAt: instantFrom(record['create_date']),
    changedAt: lastChangeFrom(record),
  };
}

export function recordIdFrom(data: unknown): number | undefined {
  return parsePositiveInteger(toJsonObject(data)['id']);
}

/** Reads `last_change_date`, which is set even when the rest of the record is missing. */
export function lastChangeFrom(data: unknown): Date | undefined {
  return instantFrom(toJsonObject(data)['last_change_date']);
}

/** YCLIENTS writes offsets without a colon (`+0300`), which `Date` does not parse. */
function instantFrom(value: unknown): Date | undefined {
  const text = trimmedText(value);
  if (text === undefined) return undefined;
  const instant = new Date(text.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'));
  return Number.isNaN(instant.getTime()) ? undefined : instant;
}

function attendanceFrom(value: unknown): Booking['attendance'] | undefined {
  const mark = typeof value === 'string' ? Number(value) : value;
  return mark === -1 || mark === 1 || mark === 2 ? mark : undefined;
}

function servicesFrom(value: unknown): readonly BookedService[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => {
    const service = toJsonObject(item);
    const id = parsePositiveInteger(service['id']);
    return id === undefined ? [] : [{ id, title: trimmedText(service['title']) ?? '' }];
  });
}

function toJsonObject(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function trimmedText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function isTrue(value: unknown): boolean {
  return value === true || value === 1 || value === '1' || value === 'true';
}

/** Values of `resource` in webhooks. Documented names and the undocumented ones seen in practice. */
const webhookResources: ReadonlySet<string> = new Set([
  'record',
  'client',
  'company',
  'salon',
  'staff',
  'master',
  'service',
  'service_category',
  'good',
  'goods_operations_sale',
  'goods_operations_receipt',
  'goods_operations_consumable',
  'goods_operations_stolen',
  'goods_operations_move',
  'finances_operation',
  'schedule',
  'loyalty_card',
]);

export function isWebhookResource(resource: string): boolean {
  return webhookResources.has(resource);
}
