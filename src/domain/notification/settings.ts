import { isJsonObject } from '../json-object.ts';
import { type BookingMessageKind, bookingMessageKinds } from './message.ts';

/** Wall clock of the salon, `HH:mm`. */
export type QuietHours = Readonly<{ from: string; to: string }>;

export type NotificationSettings = Readonly<{
  enabled: Readonly<Record<BookingMessageKind, boolean>>;
  /** The company's own templates; absent kinds use the default of its language and business type. */
  templates: Readonly<Partial<Record<BookingMessageKind, string>>>;
  /** Undefined: none. */
  quietHours: QuietHours | undefined;
  /** A start that moved by at most this many minutes causes no message. */
  smallShiftMinutes: number;
  /** Value of `{review_link}` in `thanks`. */
  reviewLink: string | undefined;
}>;

export const defaultNotificationSettings: NotificationSettings = {
  enabled: {
    confirmation: true,
    change: true,
    cancellation: true,
    reminder_24h: true,
    reminder_2h: true,
    thanks: false,
  },
  templates: {},
  quietHours: { from: '21:00', to: '09:00' },
  smallShiftMinutes: 0,
  reviewLink: undefined,
};

/** Reads stored settings of this or an older version; missing or invalid values fall back to the defaults. */
export function settingsFrom(stored: unknown): NotificationSettings {
  if (!isJsonObject(stored)) return defaultNotificationSettings;
  const { enabled, templates, quietHours, smallShiftMinutes, reviewLink } = stored;
  const defaults = defaultNotificationSettings;
  return {
    enabled: {
      ...defaults.enabled,
      ...pick(enabled, (value): value is boolean => typeof value === 'boolean'),
    },
    templates: pick(templates, (value): value is string => typeof value === 'string'),
    quietHours: quietHours === null ? undefined : (quietHoursFrom(quietHours) ?? defaults.quietHours),
    smallShiftMinutes: typeof smallShiftMinutes === 'number' ? smallShiftMinutes : defaults.smallShiftMinutes,
    reviewLink: typeof reviewLink === 'string' ? reviewLink : undefined,
  };
}

function pick<Value>(
  stored: unknown,
  isValid: (value: unknown) => value is Value,
): Partial<Record<BookingMessageKind, Value>> {
  const picked: Partial<Record<BookingMessageKind, Value>> = {};
  if (!isJsonObject(stored)) return picked;
  for (const kind of bookingMessageKinds) {
    const value = stored[kind];
    if (isValid(value)) picked[kind] = value;
  }
  return picked;
}

function quietHoursFrom(stored: unknown): QuietHours | undefined {
  if (!isJsonObject(stored)) return undefined;
  const { from, to } = stored;
  return typeof from === 'string' && typeof to === 'string' ? { from, to } : undefined;
}
