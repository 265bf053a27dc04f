import { DateTime } from 'luxon';
import type { Language } from '../language.ts';

/** WhatsApp's reachout timelock: whether an account may start new chats. */
export type ReachoutTimelock = Readonly<{
  isActive: boolean;
  /** Absent when WhatsApp names no end. */
  endsAt?: Date;
  /** WhatsApp's enforcement type, such as `WEB_COMPANION_ONLY`. */
  kind?: string;
}>;

/** `asked`: result of our query. `announced`: notification from WhatsApp. */
export type ReachoutTimelockSource = 'asked' | 'announced';

/**
 * `no_answer`: the query after a rejected message or an announcement without end failed. `repeated`: a message was rejected
 * twice although WhatsApp reports no timelock.
 */
export const restrictionSources = ['asked', 'announced', 'no_answer', 'repeated'] as const;

/** Until `endsAt` the number starts no new chats; messages in existing chats are sent. */
export type Restriction = Readonly<{
  beganAt: Date;
  endsAt: Date;
  kind: string | undefined;
  source: (typeof restrictionSources)[number];
}>;

const texts = {
  ru: (until: string) =>
    `WhatsApp ограничил новые чаты до ${until}. Сообщения тем, кто ещё не переписывался с салоном, подождут; ` +
    'остальным они уходят как обычно.',
  en: (until: string) =>
    `WhatsApp has restricted new chats until ${until}. Messages to people without a chat with the salon wait; ` +
    'all others are sent as usual.',
} as const;

/**
 * Sentence for the owner. The end is in the salon's time zone, or in UTC when that is unknown, with its date unless it is
 * today.
 */
export function restrictionText(
  { endsAt }: Pick<Restriction, 'endsAt'>,
  { timeZone, language, now }: Readonly<{ timeZone: string | undefined; language: Language; now: Date }>,
): string {
  const local = (instant: Date) =>
    DateTime.fromJSDate(instant, { zone: timeZone ?? 'utc' }).setLocale(language);
  const end = local(endsAt);
  const isToday = end.hasSame(local(now), 'day');
  const until = end.toFormat(isToday ? 'HH:mm' : 'HH:mm, d MMMM');
  return texts[language](timeZone === undefined ? `${until} UTC` : until);
}
