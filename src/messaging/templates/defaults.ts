import type { BusinessType } from '../../domain/company/business-type.ts';
import type { Language } from '../../domain/language.ts';
import type { BookingMessageKind } from '../../domain/notification/message.ts';

/** Phrases that depend on the kind of business. */
type BusinessTerms = Readonly<{ booked: string; reminder: string; staff: string; farewell: string }>;

type Phrases = Readonly<{
  business: Readonly<Record<BusinessType, BusinessTerms>>;
  templates: Readonly<Record<BookingMessageKind, (terms: BusinessTerms) => readonly string[]>>;
}>;

const russian: Phrases = {
  business: {
    beauty: {
      booked: 'Вы записаны',
      reminder: 'Напоминаем о вашей записи',
      staff: 'Мастер',
      farewell: 'Будем рады видеть вас!',
    },
    barbershop: {
      booked: 'Вы записаны',
      reminder: 'Напоминаем о вашей записи',
      staff: 'Барбер',
      farewell: 'До встречи в кресле!',
    },
    nails: {
      booked: 'Вы записаны',
      reminder: 'Напоминаем о вашей записи',
      staff: 'Мастер',
      farewell: 'Будем рады видеть вас!',
    },
    medical: {
      booked: 'Вы записаны на приём',
      reminder: 'Напоминаем о вашем приёме',
      staff: 'Специалист',
      farewell: 'Пожалуйста, приходите за 10 минут до начала.',
    },
    sport: {
      booked: 'Вы записаны на занятие',
      reminder: 'Напоминаем о вашем занятии',
      staff: 'Тренер',
      farewell: 'До встречи на тренировке!',
    },
    auto: {
      booked: 'Ваш автомобиль записан',
      reminder: 'Напоминаем о записи автомобиля',
      staff: 'Мастер',
      farewell: 'Ждём вас!',
    },
    education: {
      booked: 'Вы записаны на занятие',
      reminder: 'Напоминаем о вашем занятии',
      staff: 'Преподаватель',
      farewell: 'До встречи на занятии!',
    },
    generic: {
      booked: 'Вы записаны',
      reminder: 'Напоминаем о вашей записи',
      staff: 'Специалист',
      farewell: 'До встречи!',
    },
  },
  templates: {
    confirmation: ({ booked, staff, farewell }) => [
      '{hello}',
      `${booked}: {salon}`,
      'Когда: {when}',
      'Услуги: {services}',
      `${staff}: {staff}`,
      farewell,
    ],
    change: ({ staff, farewell }) => [
      '{hello}',
      'Ваша запись изменена: {salon}',
      'Было: {old_when}',
      'Теперь: {when}',
      'Услуги: {services}',
      `${staff}: {staff}`,
      farewell,
    ],
    cancellation: ({ staff }) => [
      '{hello}',
      'Ваша запись отменена: {salon}',
      'Была назначена: {when}',
      'Услуги: {services}',
      `${staff}: {staff}`,
      'Чтобы записаться снова, ответьте на это сообщение.',
    ],
    reminder_24h: ({ reminder, staff }) => [
      '{hello}',
      `${reminder}: {salon}`,
      'Когда: {when}',
      'Длительность: {duration}',
      'Услуги: {services}',
      `${staff}: {staff}`,
      'Ответьте 1, чтобы подтвердить визит, или 0, если не сможете прийти.',
    ],
    reminder_2h: ({ reminder, staff }) => [
      '{hello}',
      `${reminder}: {salon}`,
      'Когда: {when}',
      `${staff}: {staff}`,
      'Ответьте 1, чтобы подтвердить визит, или 0, если не сможете прийти.',
    ],
    thanks: () => [
      '{hello}',
      'Спасибо, что были у нас: {salon}!',
      'Будем благодарны за отзыв: {review_link}',
    ],
  },
};

const english: Phrases = {
  business: {
    beauty: {
      booked: 'You are booked',
      reminder: 'A reminder of your booking',
      staff: 'With',
      farewell: 'We look forward to seeing you!',
    },
    barbershop: {
      booked: 'You are booked',
      reminder: 'A reminder of your booking',
      staff: 'Barber',
      farewell: 'See you in the chair!',
    },
    nails: {
      booked: 'You are booked',
      reminder: 'A reminder of your booking',
      staff: 'With',
      farewell: 'We look forward to seeing you!',
    },
    medical: {
      booked: 'Your appointment is booked',
      reminder: 'A reminder of your appointment',
      staff: 'With',
      farewell: 'Please come 10 minutes early.',
    },
    sport: {
      booked: 'Your session is booked',
      reminder: 'A reminder of your session',
      staff: 'Coach',
      farewell: 'See you at the training!',
    },
    auto: {
      booked: 'Your car is booked',
      reminder: "A reminder of your car's booking",
      staff: 'With',
      farewell: 'See you soon!',
    },
    education: {
      booked: 'Your lesson is booked',
      reminder: 'A reminder of your lesson',
      staff: 'Teacher',
      farewell: 'See you at the lesson!',
    },
    generic: {
      booked: 'You are booked',
      reminder: 'A reminder of your booking',
      staff: 'With',
      farewell: 'See you soon!',
    },
  },
  templates: {
    confirmation: ({ booked, staff, farewell }) => [
      '{hello}',
      `${booked}: {salon}`,
      'When: {when}',
      'Services: {services}',
      `${staff}: {staff}`,
      farewell,
    ],
    change: ({ staff, farewell }) => [
      '{hello}',
      'Your booking has changed: {salon}',
      'It was: {old_when}',
      'Now: {when}',
      'Services: {services}',
      `${staff}: {staff}`,
      farewell,
    ],
    cancellation: ({ staff }) => [
      '{hello}',
      'Your booking is cancelled: {salon}',
      'It was for: {when}',
      'Services: {services}',
      `${staff}: {staff}`,
      'Reply to this message to book again.',
    ],
    reminder_24h: ({ reminder, staff }) => [
      '{hello}',
      `${reminder}: {salon}`,
      'When: {when}',
      'Duration: {duration}',
      'Services: {services}',
      `${staff}: {staff}`,
      'Answer 1 to confirm, or 0 if you cannot come.',
    ],
    reminder_2h: ({ reminder, staff }) => [
      '{hello}',
      `${reminder}: {salon}`,
      'When: {when}',
      `${staff}: {staff}`,
      'Answer 1 to confirm, or 0 if you cannot come.',
    ],
    thanks: () => [
      '{hello}',
      'Thank you for coming: {salon}!',
      'We would be grateful for a review: {review_link}',
    ],
  },
};

const phrasesByLanguage: Readonly<Record<Language, Phrases>> = { ru: russian, en: english };

/** Template of a kind of message that the company has not customised. */
export function defaultTemplate(
  kind: BookingMessageKind,
  salon: Readonly<{ businessType: BusinessType; language: Language }>,
): string {
  const { business, templates } = phrasesByLanguage[salon.language];
  return templates[kind](business[salon.businessType]).join('\n');
}
