import type { Booking } from '../../domain/booking/booking.ts';
import type { Language } from '../../domain/language.ts';

const exampleValues = {
  ru: { client: 'Ольга', staff: 'Марина', services: ['Стрижка', 'Укладка'] },
  en: { client: 'Olga', staff: 'Marina', services: ['Haircut', 'Styling'] },
} as const;

/** Booking for template previews. */
export function exampleBooking(language: Language): Readonly<{ booking: Booking; previousStartsAt: string }> {
  const { client, staff, services } = exampleValues[language];
  return {
    previousStartsAt: '2027-03-09 11:00:00',
    booking: {
      recordId: 1,
      startsAt: '2027-03-10 14:30:00',
      staffId: 1,
      staffName: staff,
      services: services.map((title, index) => ({ id: index + 1, title })),
      clientPhone: undefined,
      clientName: client,
      cancelled: false,
      attendance: 0,
      online: false,
      durationSeconds: 5_400,
      createdAt: undefined,
      changedAt: undefined,
    },
  };
}
