import { describe, expect, it } from 'vitest';
import { salonIdFrom } from '../../../src/domain/ids.ts';
import { installation, captureAppError, startClient } from '../../support/clients/yclients-client.ts';
import { booking } from '../../support/fixtures/yclients-fixture.ts';

const salonId = salonIdFrom(510_002);
const timeZone = 'America/New_York';
const company = { salonId, timeZone };

describe('YclientsClient.updateAttendance', () => {
  it.each([
    ['a week before the clocks go forward', '2026-03-01 02:30:00'],
    ['on the day the clocks go forward', '2026-03-08 12:00:00'],
    ['on the day the clocks go back', '2026-11-01 12:00:00'],
  ])('keeps the time of a visit whose offset YCLIENTS reports wrong: %s', async (_when, start) => {
    const { simulator, client } = await activeSalon();
    const record = simulator.book(salonId, { ...booking, start });
    simulator.configureWebhooks({ datetimeOffset: '-09:00' });
    expect(await client.updateAttendance(company, record.id, { attendance: 2 })).toBe('updated');
    expect(record.start).toBe(start);
    expect(record.restBody().attendance).toBe(2);
  });

  it('sends no second PUT for the same update', async () => {
    const { simulator, client } = await activeSalon();
    const record = simulator.book(salonId, { ...booking, comment: 'Просит чай' });
    for (const _ of ['once', 'twice'])
      expect(await client.updateAttendance(company, record.id, { attendance: 0, comment: 'Не придёт' })).toBe(
        'updated',
      );
    expect(record.restBody().comment).toBe('Просит чай\nНе придёт');
    expect(simulator.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  it('replaces the attendance unless the salon has recorded the outcome', async () => {
    const { simulator, client } = await activeSalon();
    const record = simulator.book(salonId, booking);
    await client.updateAttendance(company, record.id, { attendance: 2 });
    await client.updateAttendance(company, record.id, { attendance: 0 });
    expect(record.restBody().attendance).toBe(0);
    record.setAttendance(1, Date.now());
    await client.updateAttendance(company, record.id, { attendance: 0, comment: 'Не придёт' });
    expect(record.restBody()).toMatchObject({ attendance: 1, comment: 'Не придёт' });
  });

  it('returns gone for a deleted or unknown record and sends no PUT', async () => {
    const { simulator, client } = await activeSalon();
    const record = simulator.book(salonId, booking);
    simulator.cancel(record.id);
    expect(await client.updateAttendance(company, record.id, { attendance: 2 })).toBe('gone');
    expect(await client.updateAttendance(company, 1, { attendance: 2 })).toBe('gone');
    expect(simulator.requests.filter(({ method }) => method === 'PUT')).toEqual([]);
  });

  it.each([401, 403, 422])('fails permanently on %i', async (status) => {
    const { simulator, client } = await activeSalon();
    const record = simulator.book(salonId, booking);
    simulator.refuse('PUT /api/v1/record/*', status);
    const error = await captureAppError(client.updateAttendance(company, record.id, { attendance: 2 }));
    expect(error.retryable).toBe(false);
  });
});

async function activeSalon() {
  const { simulator, client } = await startClient();
  simulator.addSalon({ id: salonId, title: 'Клиника «Берег»', timeZone });
  simulator.pressConnect(salonId);
  await client.activate({ ...installation, salonId });
  return { simulator, client };
}
