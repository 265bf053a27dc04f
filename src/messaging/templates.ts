import type { BookingMessageKind } from '../domain/booking-change.ts';
import type { Booking } from '../domain/booking.ts';
import type { BusinessType } from '../domain/business-type.ts';
import type { Language } from '../domain/company.ts';
import { formatLocalTime } from '../domain/salon-time.ts';

/** How a kind of business speaks of a visit. */
type BusinessWords = Readonly<{ booked: string; staff: string; farewell: string }>;

type Phrases = Readonly<{
  hello: string;
  services: string;
  changed: string;
  cancelled: string;
  when: Readonly<Record<BookingMessageKind, string>>;
  bookAgain: string;
  business: Readonly<Record<BusinessType, BusinessWords>>;
}>;

const russian: Phrases = {
  hello: 'Здравствуйте',
  services: 'Услуги',
  changed: 'Ваша запись изменена',
  cancelled: 'Ваша запись отменена',
  when: { confirmation: 'Когда', change: 'Теперь', cancellation: 'Была назначена' },
  bookAgain: 'Чтобы записаться снова, ответьте на это сообщение.',
  business: {
    beauty: { booked: 'Вы записаны', staff: 'Мастер', farewell: 'Будем рады видеть вас!' },
    barbershop: { booked: 'Вы записаны', staff: 'Барбер', farewell: 'До встречи в кресле!' },
    nails: { booked: 'Вы записаны', staff: 'Мастер', farewell: 'Будем рады видеть вас!' },
    medical: {
      booked: 'Вы записаны на приём',
      staff: 'Специалист',
      farewell: 'Пожалуйста, приходите за 10 минут до начала.',
    },
    sport: { booked: 'Вы записаны на занятие', staff: 'Тренер', farewell: 'До встречи на тренировке!' },
    auto: { booked: 'Ваш автомобиль записан', staff: 'Мастер', farewell: 'Ждём вас!' },
    education: {
      booked: 'Вы записаны на занятие',
      staff: 'Преподаватель',
      farewell: 'До встречи на занятии!',
    },
    generic: { booked: 'Вы записаны', staff: 'Специалист', farewell: 'До встречи!' },
  },
};

const english: Phrases = {
  hello: 'Hello',
  services: 'Services',
  changed: 'Your booking has changed',
  cancelled: 'Your booking is cancelled',
  when: { confirmation: 'When', change: 'Now', cancellation: 'It was for' },
  bookAgain: 'Reply to this message to book again.',
  business: {
    beauty: { booked: 'You are booked', staff: 'With', farewell: 'We look forward to seeing you!' },
    barbershop: { booked: 'You are booked', staff: 'Barber', farewell: 'See you in the chair!' },
    nails: { booked: 'You are booked', staff: 'With', farewell: 'We look forward to seeing you!' },
    medical: {
      booked: 'Your appointment is booked',
      staff: 'With',
      farewell: 'Please come 10 minutes early.',
    },
    sport: { booked: 'Your session is booked', staff: 'Coach', farewell: 'See you at the training!' },
    auto: { booked: 'Your car is booked', staff: 'With', farewell: 'See you soon!' },
    education: { booked: 'Your lesson is booked', staff: 'Teacher', farewell: 'See you at the lesson!' },
    generic: { booked: 'You are booked', staff: 'With', farewell: 'See you soon!' },
  },
};

const phrasesOf: Readonly<Record<Language, Phrases>> = { ru: russian, en: english };

/** The text of a booking message, in the salon's language and in the words of its business. */
export function renderMessage(
  kind: BookingMessageKind,
  booking: Booking,
  salon: Readonly<{ title: string; businessType: BusinessType; language: Language }>,
): string {
  const phrases = phrasesOf[salon.language];
  const business = phrases.business[salon.businessType];
  const headlines = {
    confirmation: business.booked,
    change: phrases.changed,
    cancellation: phrases.cancelled,
  };
  const services = booking.services.map(({ title }) => title).filter((title) => title !== '');
  return [
    booking.clientName === undefined ? `${phrases.hello}!` : `${phrases.hello}, ${booking.clientName}!`,
    `${headlines[kind]}: ${salon.title}`,
    `${phrases.when[kind]}: ${formatLocalTime(booking.startsAt, salon.language)}`,
    ...(services.length > 0 ? [`${phrases.services}: ${services.join(', ')}`] : []),
    ...(booking.staffName === undefined ? [] : [`${business.staff}: ${booking.staffName}`]),
    kind === 'cancellation' ? phrases.bookAgain : business.farewell,
  ].join('\n');
}
