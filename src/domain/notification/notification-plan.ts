import type { Booking, KnownBooking, Told } from '../booking/booking.ts';
import { toldOf } from '../booking/booking-events.ts';
import type { BookingMessageKind } from './message.ts';
import type { NotificationSettings } from './settings.ts';
import { mayBeMobile } from '../company/phone.ts';
import { quietUntil } from './quiet-hours.ts';
import { instantOf } from '../company/salon-time.ts';

/** A message of a booking, still without its text. */
export type PlannedMessage = Readonly<{
  kind: BookingMessageKind;
  idempotencyKey: string;
  /** E.164 with `+`. */
  phone: string;
  notBefore: Date;
  expiresAt: Date;
  heedsQuietHours: boolean;
  /** Left out by messages that tell nothing new. */
  tells?: Told;
  /** Of a change: the start that the client was told last, local time of the salon. */
  previousStartsAt?: string;
}>;

export type PlanOptions = Readonly<{
  settings: NotificationSettings;
  now: Date;
  timeZone: string;
  /** How long changes of one booking are gathered. */
  debounceMs: number;
}>;

/** All messages that the booking still wants, and in a word what was decided about news for its client. */
export type Plan = Readonly<{ messages: readonly PlannedMessage[]; reason: string }>;

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** A reminder soon after the client heard of the start would tell nothing. */
const reminders = [
  { kind: 'reminder_24h', beforeMs: 24 * hourMs, knownForMs: 3 * hourMs, uselessBeforeMs: 3 * hourMs },
  { kind: 'reminder_2h', beforeMs: 2 * hourMs, knownForMs: 2 * hourMs, uselessBeforeMs: 0 },
] as const;

const thanksAfterMs = hourMs;
const thanksUselessAfterMs = 24 * hourMs;
/** A client who has booked on the web this lately waits for the answer. */
const justBookedMs = 30 * minuteMs;

/**
 * What is to be said about a booking, from nothing but its present state and what its client was told: the same input always
 * gives the same plan, so that a repeated or late event changes nothing.
 */
export function planMessages(known: KnownBooking, options: PlanOptions): Plan {
  const { booking } = known;
  const { clientPhone: phone } = booking;
  if (phone === undefined) return nothing('no_client_phone');
  if (!mayBeMobile(phone)) return nothing('landline');
  const start = instantOf(booking.startsAt, options.timeZone);
  // What somebody else was told, this client does not know.
  const told = known.told?.phone === phone ? known.told : undefined;
  const visit: Visit = { ...options, known, phone, start, told };
  if (booking.cancelled) return cancellationOf(visit);
  const news = newsOf(visit);
  return {
    messages: [...news.messages, ...remindersOf(visit), ...thanksOf(visit)],
    reason: news.reason,
  };
}

type Visit = PlanOptions &
  Readonly<{ known: KnownBooking; phone: string; start: Date; told: Told | undefined }>;

function cancellationOf(visit: Visit): Plan {
  const { known, now, start, told, timeZone } = visit;
  if (told?.cancelled === true) return nothing('nothing_to_say');
  const lastStart = told === undefined ? start : instantOf(told.startsAt, timeZone);
  const expiresAt = new Date(Math.max(start.getTime(), lastStart.getTime()));
  if (expiresAt <= now) return nothing('in_the_past');
  return planned(visit, { kind: 'cancellation', due: now, expiresAt, ...telling(known) });
}

function newsOf(visit: Visit): Plan {
  const { known, now, start, told, settings, debounceMs } = visit;
  const { booking, toldCount } = known;
  if (start <= now) return nothing('in_the_past');
  if (told === undefined) {
    const heedsQuietHours = !isJustBooked(booking, now);
    return planned(visit, {
      kind: 'confirmation',
      due: now,
      expiresAt: start,
      heedsQuietHours,
      // Not the first: the booking had another phone.
      ...(toldCount > 0 && { keySuffix: `:${toldCount}` }),
      ...telling(known),
    });
  }
  const difference = differenceOf(booking, told, visit);
  if (difference !== 'change') return nothing(difference);
  if (!settings.enabled.change) return nothing('switched_off');
  return planned(visit, {
    kind: 'change',
    due: new Date(now.getTime() + debounceMs),
    expiresAt: start,
    keySuffix: `:${toldCount}`,
    previousStartsAt: told.startsAt,
    ...telling(known),
  });
}

function remindersOf(visit: Visit): PlannedMessage[] {
  const { known, now, start, told } = visit;
  const knownSince = told !== undefined && isToldStart(told, visit) ? told.startKnownAt : known.startKnownAt;
  if (known.booking.attendance === 1 || known.booking.attendance === -1) return [];
  return reminders.flatMap(({ kind, beforeMs, knownForMs, uselessBeforeMs }) => {
    const due = new Date(start.getTime() - beforeMs);
    const expiresAt = new Date(start.getTime() - uselessBeforeMs);
    const isNews = due.getTime() - knownSince.getTime() >= knownForMs;
    return isNews && expiresAt > now ? planned(visit, { kind, due, expiresAt }).messages : [];
  });
}

function thanksOf(visit: Visit): readonly PlannedMessage[] {
  const { known, now, start } = visit;
  const { attendance, durationSeconds } = known.booking;
  if (attendance !== 1) return [];
  const end = start.getTime() + durationSeconds * 1000;
  const expiresAt = new Date(end + thanksUselessAfterMs);
  if (expiresAt <= now) return [];
  return planned(visit, { kind: 'thanks', due: new Date(end + thanksAfterMs), expiresAt }).messages;
}

type Wish = Readonly<{
  kind: BookingMessageKind;
  due: Date;
  expiresAt: Date;
  heedsQuietHours?: boolean;
  keySuffix?: string;
  tells?: Told;
  previousStartsAt?: string;
}>;

/** Switched off, or held by the quiet hours until it is of no use: no message. */
function planned({ known, phone, settings, timeZone }: Visit, wish: Wish): Plan {
  const { kind, due, expiresAt, heedsQuietHours = true, keySuffix = '', tells, previousStartsAt } = wish;
  if (!settings.enabled[kind]) return nothing('switched_off');
  const held = heedsQuietHours ? quietUntil(due, settings.quietHours, timeZone) : undefined;
  const notBefore = held ?? due;
  if (notBefore >= expiresAt) return nothing('too_late_after_quiet_hours');
  const { recordId, startsAt } = known.booking;
  const message = {
    kind,
    idempotencyKey: `record:${recordId}:${kind}:${startsAt}${keySuffix}`,
    phone,
    notBefore,
    expiresAt,
    heedsQuietHours,
    ...(tells !== undefined && { tells }),
    ...(previousStartsAt !== undefined && { previousStartsAt }),
  };
  return { messages: [message], reason: kind };
}

function telling(known: KnownBooking): Readonly<{ tells?: Told }> {
  const tells = toldOf(known);
  return tells === undefined ? {} : { tells };
}

function differenceOf(booking: Booking, told: Told, visit: Visit): string {
  const staffId = booking.staffId ?? null;
  const serviceIds = booking.services.map(({ id }) => id).sort((a, b) => a - b);
  if (staffId !== told.staffId || serviceIds.join() !== told.serviceIds.join()) return 'change';
  if (booking.startsAt === told.startsAt) return 'nothing_to_say';
  return isToldStart(told, visit) ? 'small_shift' : 'change';
}

/** Whether the client knows the start, but for a small shift. */
function isToldStart(told: Told, { start, timeZone, settings }: Visit): boolean {
  const shiftMs = Math.abs(start.getTime() - instantOf(told.startsAt, timeZone).getTime());
  return shiftMs <= settings.smallShiftMinutes * minuteMs;
}

function isJustBooked({ online, createdAt }: Booking, now: Date): boolean {
  return online && (createdAt === undefined || now.getTime() - createdAt.getTime() < justBookedMs);
}

function nothing(reason: string): Plan {
  return { messages: [], reason };
}
