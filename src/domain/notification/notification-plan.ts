import type { Booking, KnownBooking, NotifiedState } from '../booking/booking.ts';
import { notifiedState } from '../booking/booking-events.ts';
import type { BookingMessageKind } from './message.ts';
import type { NotificationSettings } from './settings.ts';
import { mayBeMobile } from '../company/phone.ts';
import { quietUntil } from './quiet-hours.ts';
import { toInstant } from '../company/salon-time.ts';

/** A message of a booking, still without its text. */
export type PlannedMessage = Readonly<{
  kind: BookingMessageKind;
  idempotencyKey: string;
  /** E.164 with `+`. */
  phone: string;
  notBefore: Date;
  expiresAt: Date;
  respectsQuietHours: boolean;
  /** Left out by messages that tell nothing new. */
  notifies?: NotifiedState;
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
  { kind: 'reminder_24h', beforeMs: 24 * hourMs, minKnownForMs: 3 * hourMs, expiresBeforeMs: 3 * hourMs },
  { kind: 'reminder_2h', beforeMs: 2 * hourMs, minKnownForMs: 2 * hourMs, expiresBeforeMs: 0 },
] as const;

const thanksAfterMs = hourMs;
const thanksExpiresAfterMs = 24 * hourMs;
/** A client who has booked on the web this lately waits for the answer. */
const justBookedMs = 30 * minuteMs;

/**
 * What is to be said about a booking, from nothing but its present state and what its client was told: the same input always
 * gives the same plan, so that a repeated or late event changes nothing.
 */
export function planMessages(known: KnownBooking, options: PlanOptions): Plan {
  const { booking } = known;
  const { clientPhone: phone } = booking;
  if (phone === undefined) return emptyPlan('no_client_phone');
  if (!mayBeMobile(phone)) return emptyPlan('landline');
  const start = toInstant(booking.startsAt, options.timeZone);
  // What somebody else was told, this client does not know.
  const notified = known.notified?.phone === phone ? known.notified : undefined;
  const context: PlanContext = { ...options, known, phone, start, notified };
  if (booking.cancelled) return planCancellation(context);
  const plan = confirmationOrChange(context);
  return {
    messages: [...plan.messages, ...planReminders(context), ...planThanks(context)],
    reason: plan.reason,
  };
}

type PlanContext = PlanOptions &
  Readonly<{ known: KnownBooking; phone: string; start: Date; notified: NotifiedState | undefined }>;

function planCancellation(context: PlanContext): Plan {
  const { known, now, start, notified, timeZone } = context;
  if (notified?.cancelled === true) return emptyPlan('nothing_to_say');
  const notifiedStart = notified === undefined ? start : toInstant(notified.startsAt, timeZone);
  const expiresAt = new Date(Math.max(start.getTime(), notifiedStart.getTime()));
  if (expiresAt <= now) return emptyPlan('in_the_past');
  return toPlannedMessage(context, { kind: 'cancellation', due: now, expiresAt, ...notifiesField(known) });
}

function confirmationOrChange(context: PlanContext): Plan {
  const { known, now, start, notified, settings, debounceMs } = context;
  const { booking, notificationCount } = known;
  if (start <= now) return emptyPlan('in_the_past');
  if (notified === undefined) {
    const respectsQuietHours = !isJustBooked(booking, now);
    return toPlannedMessage(context, {
      kind: 'confirmation',
      due: now,
      expiresAt: start,
      respectsQuietHours,
      // Not the first: the booking had another phone.
      ...(notificationCount > 0 && { keySuffix: `:${notificationCount}` }),
      ...notifiesField(known),
    });
  }
  const difference = classifyChange(booking, notified, context);
  if (difference !== 'change') return emptyPlan(difference);
  if (!settings.enabled.change) return emptyPlan('switched_off');
  return toPlannedMessage(context, {
    kind: 'change',
    due: new Date(now.getTime() + debounceMs),
    expiresAt: start,
    keySuffix: `:${notificationCount}`,
    previousStartsAt: notified.startsAt,
    ...notifiesField(known),
  });
}

function planReminders(context: PlanContext): PlannedMessage[] {
  const { known, now, start, notified } = context;
  const knownSince =
    notified !== undefined && isNotifiedStart(notified, context) ? notified.startKnownAt : known.startKnownAt;
  if (known.booking.attendance === 1 || known.booking.attendance === -1) return [];
  return reminders.flatMap(({ kind, beforeMs, minKnownForMs, expiresBeforeMs }) => {
    const due = new Date(start.getTime() - beforeMs);
    const expiresAt = new Date(start.getTime() - expiresBeforeMs);
    const isUseful = due.getTime() - knownSince.getTime() >= minKnownForMs;
    return isUseful && expiresAt > now ? toPlannedMessage(context, { kind, due, expiresAt }).messages : [];
  });
}

function planThanks(context: PlanContext): readonly PlannedMessage[] {
  const { known, now, start } = context;
  const { attendance, durationSeconds } = known.booking;
  if (attendance !== 1) return [];
  const end = start.getTime() + durationSeconds * 1000;
  const expiresAt = new Date(end + thanksExpiresAfterMs);
  if (expiresAt <= now) return [];
  return toPlannedMessage(context, { kind: 'thanks', due: new Date(end + thanksAfterMs), expiresAt })
    .messages;
}

type MessageDraft = Readonly<{
  kind: BookingMessageKind;
  due: Date;
  expiresAt: Date;
  respectsQuietHours?: boolean;
  keySuffix?: string;
  notifies?: NotifiedState;
  previousStartsAt?: string;
}>;

/** Switched off, or held by the quiet hours until it is of no use: no message. */
function toPlannedMessage({ known, phone, settings, timeZone }: PlanContext, draft: MessageDraft): Plan {
  const {
    kind,
    due,
    expiresAt,
    respectsQuietHours = true,
    keySuffix = '',
    notifies,
    previousStartsAt,
  } = draft;
  if (!settings.enabled[kind]) return emptyPlan('switched_off');
  const heldUntil = respectsQuietHours ? quietUntil(due, settings.quietHours, timeZone) : undefined;
  const notBefore = heldUntil ?? due;
  if (notBefore >= expiresAt) return emptyPlan('too_late_after_quiet_hours');
  const { recordId, startsAt } = known.booking;
  const message = {
    kind,
    idempotencyKey: `record:${recordId}:${kind}:${startsAt}${keySuffix}`,
    phone,
    notBefore,
    expiresAt,
    respectsQuietHours,
    ...(notifies !== undefined && { notifies }),
    ...(previousStartsAt !== undefined && { previousStartsAt }),
  };
  return { messages: [message], reason: kind };
}

function notifiesField(known: KnownBooking): Readonly<{ notifies?: NotifiedState }> {
  const notifies = notifiedState(known);
  return notifies === undefined ? {} : { notifies };
}

function classifyChange(booking: Booking, notified: NotifiedState, context: PlanContext): string {
  const staffId = booking.staffId ?? null;
  const serviceIds = booking.services.map(({ id }) => id).sort((a, b) => a - b);
  if (staffId !== notified.staffId || serviceIds.join() !== notified.serviceIds.join()) return 'change';
  if (booking.startsAt === notified.startsAt) return 'nothing_to_say';
  return isNotifiedStart(notified, context) ? 'small_shift' : 'change';
}

/** Whether the client knows the start, but for a small shift. */
function isNotifiedStart(notified: NotifiedState, { start, timeZone, settings }: PlanContext): boolean {
  const shiftMs = Math.abs(start.getTime() - toInstant(notified.startsAt, timeZone).getTime());
  return shiftMs <= settings.smallShiftMinutes * minuteMs;
}

function isJustBooked({ online, createdAt }: Booking, now: Date): boolean {
  return online && (createdAt === undefined || now.getTime() - createdAt.getTime() < justBookedMs);
}

function emptyPlan(reason: string): Plan {
  return { messages: [], reason };
}
