import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import type { Company } from '../../../../src/domain/company/company.ts';
import type { BookingMessageKind } from '../../../../src/domain/notification/message.ts';
import { defaultNotificationSettings } from '../../../../src/domain/notification/settings.ts';
import { BookingSync, type RawRecordEvent } from '../../../../src/marketplace/bookings/booking-sync.ts';
import { Replanner } from '../../../../src/marketplace/bookings/replan.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { claimNext, newCompany, registerCompany, useStore } from '../../../support/fixtures/storage.ts';

const recordId = 880_010_001;
const thisHour = DateTime.now().setZone('Europe/Moscow').startOf('hour');
const settings = { ...defaultNotificationSettings, quietHours: undefined };

describe.each(engines())('replanned messages in $name', ({ make }) => {
  const store = useStore(make);

  it('after a reinstallation are reminders and changes, without a confirmation', async () => {
    const { bookings, companies, events } = store.repositories;
    const company = await newSalon();
    await applyRecord(company, 'create', visit({ days: 5 }));
    expect(await statuses(company)).toEqual({
      confirmation: 'queued',
      reminder_24h: 'queued',
      reminder_2h: 'queued',
    });

    await companies.transitionIntegration(company.id, 'uninstalled', 'lifecycle:uninstall');
    expect(await statuses(company)).toEqual({
      confirmation: 'withdrawn',
      reminder_24h: 'withdrawn',
      reminder_2h: 'withdrawn',
    });
    const withdrawn = (await events.byRecord(company.id, recordId, 50)).filter(
      ({ type, cause }) => type === 'message_withdrawn' && cause === 'lifecycle:uninstall',
    );
    expect(new Set(withdrawn.map(({ detail }) => detail?.['kind']))).toEqual(
      new Set(['confirmation', 'reminder_24h', 'reminder_2h']),
    );
    expect(withdrawn).toHaveLength(3);
    expect(await bookings.find(company.id, recordId)).toMatchObject({ notified: { assumed: true } });

    await companies.createOrFind(newCompany({ salonId: company.salonId }));
    await applyRecord(company, 'discovered', visit({ days: 5 }));
    expect(await statuses(company)).toEqual({
      confirmation: 'withdrawn',
      reminder_24h: 'queued',
      reminder_2h: 'queued',
    });
    await applyRecord(company, 'update', visit({ days: 6 }));
    expect(await statuses(company)).toMatchObject({ change: 'queued', confirmation: 'withdrawn' });
  });

  it('confirm the new time when WhatsApp rejected the first confirmation', async () => {
    const { bookings, contacts, leases, messages } = store.repositories;
    const company = await newSalon();
    await applyRecord(company, 'create', visit({ days: 5 }));
    const lease = await leases.acquire(company.id, 'owner', 60_000);
    if (lease === undefined) throw new Error('No lease');
    const rejected = await claimNext(messages, lease);
    await messages.advance(company.id, rejected?.whatsappMessageId ?? '', 'failed', '463');
    expect(await statuses(company)).toMatchObject({ confirmation: 'queued' });
    expect((await bookings.find(company.id, recordId))?.notified).toBeUndefined();

    // A message from the client lifts the new-chat restriction for it.
    await contacts.received(company.id, '+79001112233');
    await applyRecord(company, 'update', visit({ days: 6 }));
    expect(await statuses(company)).not.toHaveProperty('change');
    const confirmation = await claimNext(messages, lease);
    expect(confirmation?.kind).toBe('confirmation');
    expect(confirmation?.id).not.toBe(rejected?.id);
  });

  it('confirm once to a corrected phone number', async () => {
    const { leases, messages } = store.repositories;
    const company = await newSalon();
    await applyRecord(company, 'create', visit({ days: 5 }));
    const lease = await leases.acquire(company.id, 'owner', 60_000);
    if (lease === undefined) throw new Error('No lease');
    expect(await claimNext(messages, lease)).toMatchObject({ kind: 'confirmation', phone: '+79001112233' });

    const corrected = { ...visit({ days: 5 }), client: { name: 'Ольга', phone: '+79004445566' } };
    for (let time = 0; time < 2; time += 1) await applyRecord(company, 'update', corrected);
    expect(await claimNext(messages, lease)).toMatchObject({ kind: 'confirmation', phone: '+79004445566' });
    await applyRecord(company, 'update', corrected);
    expect(await claimNext(messages, lease)).toBeUndefined();
  });

  it.each<[BookingMessageKind, RawRecordEvent['status'], ReturnType<typeof visit>]>([
    ['thanks', 'update', visit({ days: -0.5, attendance: 1 })],
    ['cancellation', 'delete', visit({ days: 2, deleted: true })],
  ])('are withdrawn when their kind is switched off: %s', async (kind, status, data) => {
    const company = await newSalon();
    const enabled = { ...settings.enabled, thanks: true };
    await store.repositories.settings.save(company.id, { ...settings, enabled }, 'test');
    await applyRecord(company, status, data);
    expect(await statuses(company)).toEqual({ [kind]: 'queued' });

    await replanner().run(company.id, 'replanning:1');
    expect(await statuses(company)).toEqual({ [kind]: 'queued' });

    const without = { ...enabled, [kind]: false };
    await store.repositories.settings.save(company.id, { ...settings, enabled: without }, 'test');
    await replanner().run(company.id, 'replanning:2');
    expect(await statuses(company)).toEqual({ [kind]: 'withdrawn' });
  });

  async function newSalon(): Promise<Company> {
    const company = await registerCompany(store.repositories);
    await store.repositories.settings.save(company.id, settings, 'test');
    return company;
  }

  function bookingSync(): BookingSync {
    const { bookings, settings: stored, events } = store.repositories;
    return new BookingSync({
      bookings,
      settings: stored,
      events,
      report: createBusinessEvents(captureLog(), createMetrics()),
      debounceMs: 0,
      now: () => new Date(),
    });
  }

  function replanner(): Replanner {
    const { bookings, companies } = store.repositories;
    return new Replanner({
      bookings,
      companies,
      bookingSync: bookingSync(),
      queue: { insert: async () => {} },
      outbox: { wake: () => {} },
      now: () => new Date(),
    });
  }

  const applyRecord = (company: Company, status: RawRecordEvent['status'], data: unknown) =>
    bookingSync().apply(company, { recordId, status, data, cause: 'webhook:1' });

  /** The status of the newest message of each kind. */
  async function statuses(company: Company): Promise<Record<string, unknown>> {
    const rows = await store.database.sql.transaction((session) =>
      session.query('select kind, status from messages where company_id = $1 order by sequence', [
        company.id,
      ]),
    );
    return Object.fromEntries(rows.map(({ kind, status }) => [String(kind), status]));
  }
});

function visit({
  days,
  attendance = 0,
  deleted = false,
}: {
  days: number;
  attendance?: number;
  deleted?: boolean;
}) {
  const start = thisHour.plus({ days });
  return {
    date: start.toFormat('yyyy-MM-dd HH:mm:ss'),
    staff: { id: 1, name: 'Марина' },
    services: [{ id: 44_001, title: 'Стрижка' }],
    client: { name: 'Ольга', phone: '+79001112233' },
    attendance,
    deleted,
    seance_length: 3_600,
  };
}
