import type { BookingMessageKind } from './message.ts';

/** Wall clock of the salon, `HH:mm`. */
export type QuietHours = Readonly<{ from: string; to: string }>;

/** What a company has decided about the messages to its clients. */
export type NotificationSettings = Readonly<{
  enabled: Readonly<Record<BookingMessageKind, boolean>>;
  /** The company's own wording; absent: the default of its language and business type. */
  templates: Readonly<Partial<Record<BookingMessageKind, string>>>;
  /** Undefined: messages go at any hour. */
  quietHours: QuietHours | undefined;
  /** A start that moved by no more than this is not worth a word. */
  smallShiftMinutes: number;
  /** Where `thanks` asks for a review. */
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
