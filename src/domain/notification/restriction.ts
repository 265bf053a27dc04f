import { DateTime } from 'luxon';

/** What WhatsApp says of an account's right to start chats. */
export type ReachoutTimelock = Readonly<{
  isActive: boolean;
  /** Undefined where WhatsApp names no end. */
  endsAt?: Date;
  /** WhatsApp's own word, such as `WEB_COMPANION_ONLY`. */
  kind?: string;
}>;

/** Whether WhatsApp was asked for what it says, however late it answers, or told it unasked. */
export type ReachoutTimelockSource = 'asked' | 'announced';

/**
 * How a restriction became known: WhatsApp was asked or told it unasked; it gave no answer after a refusal or news without an
 * end; or it refused a message twice and says that there is no lock.
 */
export const restrictionSources = ['asked', 'announced', 'no_answer', 'repeated'] as const;

/** Until `endsAt` the number starts no new chats; replies and known clients are written to. */
export type Restriction = Readonly<{
  beganAt: Date;
  endsAt: Date;
  kind: string | undefined;
  source: (typeof restrictionSources)[number];
}>;

const texts = {
  ru: (until: string) =>
    `WhatsApp ограничил новые чаты до ${until}. Тем, кто салону ещё не писал и не получал от него сообщений, ` +
    'сообщения подождут; остальным они уходят как обычно.',
  en: (until: string) =>
    `WhatsApp has restricted new chats until ${until}. Messages to people who have had no chat with the salon wait; ` +
    'all others go as usual.',
} as const;

/**
 * What the owner is told, by the salon's clock: `… до 14:30 …`, with the date where it is not today's. Without a known zone
 * the time is UTC and says so.
 */
export function restrictionText(
  { endsAt }: Pick<Restriction, 'endsAt'>,
  { timeZone, language, now }: Readonly<{ timeZone: string | undefined; language: 'ru' | 'en'; now: Date }>,
): string {
  const local = (instant: Date) =>
    DateTime.fromJSDate(instant, { zone: timeZone ?? 'utc' }).setLocale(language);
  const end = local(endsAt);
  const isToday = end.hasSame(local(now), 'day');
  const until = end.toFormat(isToday ? 'HH:mm' : 'HH:mm, d MMMM');
  return texts[language](timeZone === undefined ? `${until} UTC` : until);
}
