import { describe, expect, it } from 'vitest';
import { bookingFrom, lastChangeFrom } from '../../../../src/domain/booking/yclients-record.ts';

const record = {
  id: 880010001,
  staff_id: 33001,
  date: '2026-03-10 14:30:00',
  datetime: '2026-03-10T14:30:00+05:00',
  last_change_date: '2026-03-08T12:00:00+0300',
  deleted: false,
  services: [{ id: 44001, title: 'Стрижка' }],
  staff: { id: 33001, name: 'Марина' },
  client: { id: 1, name: 'Ольга', phone: '79001112233' },
};

describe('bookingFrom', () => {
  it('takes the wall clock of `date` and adds the missing plus of a phone', () => {
    expect(bookingFrom(880010001, record)).toEqual({
      recordId: 880010001,
      startsAt: '2026-03-10 14:30:00',
      staffId: 33001,
      staffName: 'Марина',
      services: [{ id: 44001, title: 'Стрижка' }],
      clientPhone: '+79001112233',
      clientName: 'Ольга',
      cancelled: false,
      attendance: 0,
      online: false,
      durationSeconds: 0,
      createdAt: undefined,
      changedAt: new Date('2026-03-08T09:00:00Z'),
    });
  });

  it('keeps the wall clock of an ISO date and ignores its offset', () => {
    expect(bookingFrom(1, { date: '2026-03-10T14:30:00+11:00' })?.startsAt).toBe('2026-03-10 14:30:00');
  });

  it('tolerates null client and staff, integers for booleans and missing lists', () => {
    expect(
      bookingFrom(1, {
        ...record,
        client: null,
        staff: null,
        services: null,
        deleted: 1,
        last_change_date: 'x',
      }),
    ).toMatchObject({
      clientPhone: undefined,
      staffId: 33001,
      services: [],
      cancelled: true,
      changedAt: undefined,
    });
  });

  it.each([[[]], [null], ['text'], [{}], [{ date: '2026-13-45 99:00:00' }]])(
    'returns undefined for %j',
    (data) => {
      expect(bookingFrom(1, data)).toBeUndefined();
    },
  );
});

describe('lastChangeFrom', () => {
  it('reads offsets with and without a colon', () => {
    const instant = new Date('2026-03-08T09:00:00Z');
    expect(lastChangeFrom({ last_change_date: '2026-03-08T12:00:00+0300' })).toEqual(instant);
    expect(lastChangeFrom({ last_change_date: '2026-03-08T12:00:00+03:00' })).toEqual(instant);
  });
});
