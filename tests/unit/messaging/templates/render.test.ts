import { describe, expect, it } from 'vitest';
import { businessTypes } from '../../../../src/domain/company/business-type.ts';
import { type Language, languages } from '../../../../src/domain/language.ts';
import { bookingMessageKinds } from '../../../../src/domain/notification/message.ts';
import { defaultTemplate } from '../../../../src/messaging/templates/defaults.ts';
import { renderMessage } from '../../../../src/messaging/templates/render.ts';
import { templateProblems } from '../../../../src/messaging/templates/template.ts';
import { variablesFor } from '../../../../src/messaging/templates/variables.ts';
import { booking } from '../../../support/fixtures/bookings.ts';

const salon = { title: 'Салон Ромашка', businessType: 'beauty', language: 'ru' } as const;
const settings = { templates: {}, reviewLink: undefined };
const visit = booking({
  services: [
    { id: 1, title: 'Стрижка' },
    { id: 2, title: 'Укладка' },
  ],
});

describe('renderMessage', () => {
  it('renders a Russian confirmation with date, weekday, services and staff', () => {
    expect(renderMessage('confirmation', { booking: visit, salon, settings })).toBe(
      [
        'Здравствуйте, Ольга!',
        'Вы записаны: Салон Ромашка',
        'Когда: вторник, 10 марта, 14:30',
        'Услуги: Стрижка, Укладка',
        'Мастер: Марина',
        'Будем рады видеть вас!',
      ].join('\n'),
    );
  });

  it('renders the old and the new time of a change', () => {
    const text = renderMessage('change', {
      booking: visit,
      salon,
      settings,
      previousStartsAt: '2026-03-09 11:00:00',
    });
    expect(text).toContain('Было: понедельник, 9 марта, 11:00\nТеперь: вторник, 10 марта, 14:30');
  });

  it('omits the old time when only the staff changes', () => {
    const text = renderMessage('change', {
      booking: visit,
      salon,
      settings,
      previousStartsAt: visit.startsAt,
    });
    expect(text).not.toContain('Было');
  });

  it('renders English for an English-speaking salon', () => {
    const text = renderMessage('cancellation', {
      booking: visit,
      salon: { ...salon, language: 'en' },
      settings,
    });
    expect(text).toContain('Your booking is cancelled: Салон Ромашка');
    expect(text).toContain('It was for: Tuesday, 10 March, 14:30');
  });

  it.each([
    [3_600, '1 час', '1 hour'],
    [7_200, '2 часа', '2 hours'],
    [18_000, '5 часов', '5 hours'],
    [5_460, '1 час 31 минута', '1 hour 31 minutes'],
    [1_320, '22 минуты', '22 minutes'],
  ])('renders %s seconds with the right plural forms', (durationSeconds, ru, en) => {
    const timedVisit = booking({ durationSeconds });
    const text = (language: Language): string =>
      renderMessage('reminder_24h', { booking: timedVisit, salon: { ...salon, language }, settings });
    expect(text('ru')).toContain(`Длительность: ${ru}\n`);
    expect(text('en')).toContain(`Duration: ${en}\n`);
  });

  it('omits lines without values', () => {
    const bare = booking({ clientName: undefined, staffName: undefined, services: [], durationSeconds: 0 });
    expect(renderMessage('reminder_24h', { booking: bare, salon, settings }).split('\n')).toEqual([
      'Здравствуйте!',
      'Напоминаем о вашей записи: Салон Ромашка',
      'Когда: вторник, 10 марта, 14:30',
      'Ответьте 1, чтобы подтвердить визит, или 0, если не сможете прийти.',
    ]);
  });

  it('strips line breaks and formatting characters from user input', () => {
    const unsafe = booking({ clientName: ' *Анна*\n\u0007 _О’Нил_ ', staffName: '{time}' });
    const lines = renderMessage('confirmation', { booking: unsafe, salon, settings }).split('\n');
    expect(lines[0]).toBe('Здравствуйте, Анна О’Нил!');
    expect(lines).toContain('Мастер: {time}');
  });

  it("uses the company's own template", () => {
    const own = {
      templates: { thanks: 'До встречи, {client}! Отзыв: {review_link}' },
      reviewLink: 'https://e.x/r',
    };
    expect(renderMessage('thanks', { booking: visit, salon, settings: own })).toBe(
      'До встречи, Ольга! Отзыв: https://e.x/r',
    );
  });

  it("falls back to the default when the company's own template renders empty", () => {
    const own = { ...settings, templates: { thanks: '{client}, спасибо за визит!' } };
    const nameless = booking({ clientName: undefined });
    expect(renderMessage('thanks', { booking: nameless, salon, settings: own })).toBe(
      'Здравствуйте!\nСпасибо, что были у нас: Салон Ромашка!',
    );
  });

  it('never cuts a surrogate pair', () => {
    for (const shift of ['', 'x']) {
      const title = shift + '💇'.repeat(400);
      const services = [{ id: 1, title }, ...Array.from({ length: 3 }, (_, id) => ({ id, title }))];
      const long = booking({ services, staffName: title, clientName: title });
      const own = {
        ...settings,
        templates: { confirmation: `${shift}{services}{staff}{client}`.repeat(30) },
      };
      for (const each of [settings, own]) {
        const text = renderMessage('confirmation', { booking: long, salon, settings: each });
        expect(text).not.toContain('\ufffd');
        expect(text.isWellFormed()).toBe(true);
      }
    }
  });

  it('has valid defaults for every business, kind of message and language', () => {
    for (const businessType of businessTypes) {
      for (const language of languages) {
        for (const kind of bookingMessageKinds) {
          const template = defaultTemplate(kind, { businessType, language });
          expect(templateProblems(template, variablesFor(kind))).toEqual([]);
          const text = renderMessage(kind, {
            booking: visit,
            salon: { ...salon, businessType, language },
            settings,
          });
          expect(text).not.toMatch(/undefined|[{}]/);
        }
      }
    }
  });
});
