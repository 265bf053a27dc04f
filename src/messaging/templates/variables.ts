import type { Booking } from '../../domain/booking/booking.ts';
import { formatLocalTime } from '../../domain/company/salon-time.ts';
import type { BilingualText } from '../../domain/errors/app-error.ts';
import type { Language } from '../../domain/language.ts';
import type { BookingMessageKind } from '../../domain/notification/message.ts';
import { truncate } from '../../lib/text.ts';

/** Template variables, with descriptions for the settings page. */
const descriptions = {
  hello: { ru: 'приветствие с именем клиента', en: "a greeting with the client's name" },
  client: { ru: 'имя клиента', en: "the client's name" },
  salon: { ru: 'название салона', en: "the salon's title" },
  when: { ru: 'день недели, дата и время', en: 'weekday, date and time' },
  weekday: { ru: 'день недели', en: 'the weekday' },
  date: { ru: 'дата', en: 'the date' },
  time: { ru: 'время', en: 'the time' },
  services: { ru: 'услуги', en: 'the services' },
  staff: { ru: 'имя специалиста', en: "the staff member's name" },
  duration: { ru: 'длительность визита', en: 'visit duration' },
  old_when: { ru: 'прежние день и время', en: 'the previous day and time' },
  review_link: { ru: 'ссылка для отзыва', en: 'review link' },
} as const satisfies Readonly<Record<string, BilingualText>>;

type Variable = keyof typeof descriptions;

const commonVariables: readonly Variable[] = [
  'hello',
  'client',
  'salon',
  'when',
  'weekday',
  'date',
  'time',
  'services',
  'staff',
  'duration',
];

const extraVariables: Readonly<Partial<Record<BookingMessageKind, readonly Variable[]>>> = {
  change: ['old_when'],
  thanks: ['review_link'],
};

export function variablesFor(kind: BookingMessageKind): readonly Variable[] {
  return [...commonVariables, ...(extraVariables[kind] ?? [])];
}

export function describeVariable(name: Variable): BilingualText {
  return descriptions[name];
}

export type VariableSource = Readonly<{
  booking: Booking;
  /** Set for `change`: the start in the previous notification, local time of the salon. */
  previousStartsAt?: string;
  salonTitle: string;
  language: Language;
  reviewLink: string | undefined;
}>;

const maxValueLength = 300;

export function variableValues(source: VariableSource): Readonly<Record<Variable, string>> {
  const { booking, previousStartsAt, salonTitle, language, reviewLink } = source;
  const client = sanitizeValue(booking.clientName ?? '');
  const hello = { ru: 'Здравствуйте', en: 'Hello' }[language];
  const services = booking.services.map(({ title }) => sanitizeValue(title)).filter((title) => title !== '');
  return {
    hello: client === '' ? `${hello}!` : `${hello}, ${client}!`,
    client,
    salon: sanitizeValue(salonTitle),
    when: formatLocalTime(booking.startsAt, language),
    weekday: formatLocalTime(booking.startsAt, language, 'weekday'),
    date: formatLocalTime(booking.startsAt, language, 'date'),
    time: formatLocalTime(booking.startsAt, language, 'time'),
    services: truncate(services.join(', '), maxValueLength),
    staff: sanitizeValue(booking.staffName ?? ''),
    duration: formatDuration(booking.durationSeconds, language),
    old_when: previousStartsAt === undefined ? '' : formatLocalTime(previousStartsAt, language),
    review_link: reviewLink ?? '',
  };
}

/** Strips line breaks and WhatsApp formatting characters from user input. */
function sanitizeValue(value: string): string {
  const oneLine = value
    .replaceAll(/(?<![\p{L}\p{N}])[*_~`]+|[*_~`]+(?![\p{L}\p{N}])/gu, '')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return truncate(oneLine, maxValueLength);
}

/** `1 час 30 минут`, `2 hours`; empty for 0. */
function formatDuration(seconds: number, language: Language): string {
  const minutes = Math.round(seconds / 60);
  const parts: readonly (readonly ['hour' | 'minute', number])[] = [
    ['hour', Math.floor(minutes / 60)],
    ['minute', minutes % 60],
  ];
  return parts
    .filter(([, count]) => count > 0)
    .map(([unit, count]) =>
      new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(count),
    )
    .join(' ');
}
