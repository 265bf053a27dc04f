import { notifiedState } from '../booking/booking-events.ts';
import type { BookingState, NotifiedState } from '../booking/booking.ts';
import { mayBeMobile } from '../company/phone.ts';
import { toInstant } from '../company/salon-time.ts';
import type { BookingMessageKind } from './message.ts';
import { quietUntil } from './quiet-hours.ts';
import type { NotificationSettings } from './settings.ts';

/** A message of a booking before its text is rendered. */
export type PlannedMessage = Readonly<{
  kind: BookingMessageKind;
  idempotencyKey: string;
  /** E.164 with `+`. */
  phone: string;
  notBefore: Date;
  expiresAt: Date;
  respectsQuietHours: boolean;
  /** State of the booking that the message communicates; absent for reminders and thanks. */
  notifies?: NotifiedState;
  /** Set for `change`: the start in the previous notification, local time of the salon. */
  previousStartsAt?: string;
}>;

export type PlanOptions = Readonly<{
  settings: NotificationSettings;
  now: Date;
  timeZone: string;
  /** Delay of a `change`, during which further changes replace it. */
  debounceMs: number;
}>;

/** Why no message is planned. */
type SkipReason =
  | 'no_client_phone'
  | 'landline'
  | 'in_the_past'
  | 'nothing_to_say'
  | 'small_shift'
  | 'switched_off'
  | 'too_late_after_quiet_hours';

export type Plan = Readonly<{
  /** The complete set: queued messages of the booking that are not in it are withdrawn. */
  messages: readonly PlannedMessage[];
  /** Kind of the notification, or why there is none. Reminders and thanks do not affect it. */
  reason: BookingMessageKind | SkipReason;
}>;

type PlanContext = PlanOptions &
  Readonly<{
    state: BookingState;
    /** State that a notification sent now would communicate. */
    current: NotifiedState;
    /** State that the holder of the current phone was last notified of. */
    notified: NotifiedState | undefined;
    start: Date;
  }>;

type MessageDraft = Readonly<{
  kind: BookingMessageKind;
  due: Date;
  expiresAt: Date;
  /** Default true. */
  respectsQuietHours?: boolean;
  keySuffix?: string;
  notifies?: NotifiedState;
  previousStartsAt?: string;
}>;

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** `minKnownForMs`: no reminder soon after the notification of the start. */
const reminders = [
  { kind: 'reminder_24h', beforeMs: 24 * hourMs, minKnownForMs: 3 * hourMs, expiresBeforeMs: 3 * hourMs },
  { kind: 'reminder_2h', beforeMs: 2 * hourMs, minKnownForMs: 2 * hourMs, expiresBeforeMs: 0 },
] as const;

const thanksAfterMs = hourMs;
const thanksExpiresAfterMs = 24 * hourMs;
/** The confirmation of an online booking this recent ignores quiet hours: the client is awake and expects it. */
const justBookedMs = 30 * minuteMs;

/**
 * Plans the messages of a booking. A pure function of the booking's state, so that a repeated or late event yields the same plan
 * with the same idempotency keys.
 */
export function planMessages(state: BookingState, options: PlanOptions): Plan {
  const current = notifiedState(state);
  if (current === undefined) return { messages: [], reason: 'no_client_phone' };
  if (!mayBeMobile(current.phone)) return { messages: [], reason: 'landline' };
  const context: PlanContext = {
    ...options,
    state,
    current,
    notified: state.notified?.phone === current.phone ? state.notified : undefined,
    start: toInstant(current.startsAt, options.timeZone),
  };
  const notification = current.cancelled ? planCancellation(context) : confirmationOrChange(context);
  const followUps = current.cancelled ? [] : [...planReminders(context), planThanks(context)];
  return {
    messages: [notification, ...followUps].filter((planned) => typeof planned !== 'string'),
    reason: typeof notification === 'string' ? notification : notification.kind,
  };
}

function planCancellation(context: PlanContext): PlannedMessage | SkipReason {
  const { current, now, start, notified, timeZone } = context;
  if (notified?.cancelled === true) return 'nothing_to_say';
  const notifiedStart = notified === undefined ? start : toInstant(notified.startsAt, timeZone);
  const expiresAt = new Date(Math.max(start.getTime(), notifiedStart.getTime()));
  if (expiresAt <= now) return 'in_the_past';
  return toPlannedMessage(context, { kind: 'cancellation', due: now, expiresAt, notifies: current });
}

function confirmationOrChange(context: PlanContext): PlannedMessage | SkipReason {
  const { state, current, now, start, notified, debounceMs } = context;
  const { notificationCount } = state;
  if (start <= now) return 'in_the_past';
  if (notified === undefined) {
    return toPlannedMessage(context, {
      kind: 'confirmation',
      due: now,
      expiresAt: start,
      respectsQuietHours: !isJustBooked(context),
      // A later confirmation goes to another phone, so it needs another key.
      ...(notificationCount > 0 && { keySuffix: `:${notificationCount}` }),
      notifies: current,
    });
  }
  const change = classifyChange(notified, context);
  if (change !== 'change') return change;
  return toPlannedMessage(context, {
    kind: 'change',
    due: new Date(now.getTime() + debounceMs),
    expiresAt: start,
    keySuffix: `:${notificationCount}`,
    previousStartsAt: notified.startsAt,
    notifies: current,
  });
}

function planReminders(context: PlanContext): readonly (PlannedMessage | SkipReason)[] {
  const { state, now, start, notified } = context;
  if (state.booking.attendance === 1 || state.booking.attendance === -1) return [];
  const knownSince =
    notified !== undefined && isNotifiedStart(notified, context) ? notified.startKnownAt : state.startKnownAt;
  return reminders.flatMap(({ kind, beforeMs, minKnownForMs, expiresBeforeMs }) => {
    const due = new Date(start.getTime() - beforeMs);
    const expiresAt = new Date(start.getTime() - expiresBeforeMs);
    const isUseful = due.getTime() - knownSince.getTime() >= minKnownForMs;
    return isUseful && expiresAt > now ? [toPlannedMessage(context, { kind, due, expiresAt })] : [];
  });
}

function planThanks(context: PlanContext): PlannedMessage | SkipReason {
  const { state, now, start } = context;
  const { attendance, durationSeconds } = state.booking;
  if (attendance !== 1) return 'nothing_to_say';
  const endMs = start.getTime() + durationSeconds * 1000;
  const expiresAt = new Date(endMs + thanksExpiresAfterMs);
  if (expiresAt <= now) return 'in_the_past';
  return toPlannedMessage(context, { kind: 'thanks', due: new Date(endMs + thanksAfterMs), expiresAt });
}

function toPlannedMessage(
  { state, current, settings, timeZone }: PlanContext,
  { kind, due, expiresAt, respectsQuietHours = true, keySuffix = '', ...notification }: MessageDraft,
): PlannedMessage | SkipReason {
  if (!settings.enabled[kind]) return 'switched_off';
  const heldUntil = respectsQuietHours ? quietUntil(due, settings.quietHours, timeZone) : undefined;
  const notBefore = heldUntil ?? due;
  if (notBefore >= expiresAt) return 'too_late_after_quiet_hours';
  return {
    kind,
    idempotencyKey: `record:${state.booking.recordId}:${kind}:${current.startsAt}${keySuffix}`,
    phone: current.phone,
    notBefore,
    expiresAt,
    respectsQuietHours,
    ...notification,
  };
}

function classifyChange(
  notified: NotifiedState,
  context: PlanContext,
): 'change' | 'small_shift' | 'nothing_to_say' {
  const { current } = context;
  if (current.staffId !== notified.staffId || current.serviceIds.join() !== notified.serviceIds.join())
    return 'change';
  if (current.startsAt === notified.startsAt) return 'nothing_to_say';
  return isNotifiedStart(notified, context) ? 'small_shift' : 'change';
}

/** Whether the start differs from the notified one by no more than the company's threshold. */
function isNotifiedStart(notified: NotifiedState, { start, timeZone, settings }: PlanContext): boolean {
  const shiftMs = Math.abs(start.getTime() - toInstant(notified.startsAt, timeZone).getTime());
  return shiftMs <= settings.smallShiftMinutes * minuteMs;
}

function isJustBooked({ state, now }: PlanContext): boolean {
  const { online, createdAt } = state.booking;
  return online && (createdAt === undefined || now.getTime() - createdAt.getTime() < justBookedMs);
}
