import { describe, expect, it } from 'vitest';
import type { Booking } from '../../src/domain/booking.ts';
import { businessTypes } from '../../src/domain/business-type.ts';
import { renderMessage } from '../../src/messaging/templates.ts';

const booking: Booking = {
  recordId: 1,
  startsAt: '2026-03-10 14:30:00',
  staffId: 1,
  staffName: 'Марина',
  services: [
    { id: 1, title: 'Стрижка' },
    { id: 2, title: 'Укладка' },
  ],
  clientPhone: '+79001112233',
  clientName: 'Ольга',
  cancelled: false,
  changedAt: undefined,
};

const salon = { title: 'Салон Ромашка', businessType: 'beauty', language: 'ru' } as const;

describe('renderMessage', () => {
  it('confirms in Russian with date, weekday, services and staff', () => {
    expect(renderMessage('confirmation', booking, salon)).toBe(
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

  it('speaks English to an English-speaking salon', () => {
    const text = renderMessage('cancellation', booking, { ...salon, language: 'en' });
    expect(text).toContain('Your booking is cancelled: Салон Ромашка');
    expect(text).toContain('It was for: Tuesday, 10 March, 14:30');
  });

  it('leaves out what is not known', () => {
    const bare = { ...booking, clientName: undefined, staffName: undefined, services: [] };
    expect(renderMessage('change', bare, salon).split('\n')).toEqual([
      'Здравствуйте!',
      'Ваша запись изменена: Салон Ромашка',
      'Теперь: вторник, 10 марта, 14:30',
      'Будем рады видеть вас!',
    ]);
  });

  it('has words of its own for every kind of business in both languages', () => {
    for (const businessType of businessTypes) {
      for (const language of ['ru', 'en'] as const) {
        const text = renderMessage('confirmation', booking, { ...salon, businessType, language });
        expect(text.split('\n')).toHaveLength(6);
        expect(text).not.toContain('undefined');
      }
    }
  });
});
