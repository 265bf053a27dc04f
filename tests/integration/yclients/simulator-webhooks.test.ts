import { describe, expect, it } from 'vitest';
import { SimulatedRecord } from '../../../dev-env/simulators/yclients/record.ts';
import { Salon } from '../../../dev-env/simulators/yclients/salon.ts';
import { startActiveSalon, booking, startWebhookReceiver } from '../../support/fixtures/yclients-fixture.ts';

/** Fields of a record event (developer.alteg.io, RecordEvent). */
const documentedFields =
  'id company_id staff_id clients_count date datetime create_date last_change_date comment online ' +
  'visit_id visit_attendance attendance confirmed seance_length length sms_before sms_now ' +
  'sms_now_text email_now notified master_request api_id from_url review_requested created_user_id ' +
  'deleted paid_full prepaid prepaid_confirmed is_update_blocked activity_id bookform_id ' +
  'record_from is_mobile services staff client goods_transactions custom_fields custom_color ' +
  'custom_font_color record_labels documents sms_remain_hours email_remain_hours comer ' +
  'comer_person_info short_link composite';

describe('YCLIENTS simulator: webhooks of records', () => {
  it('contain the whole record in local time with the correct offset', async () => {
    const { simulator, hook } = await startActiveSalon({ now: () => Date.parse('2026-03-08T09:00:00Z') });
    const { id } = simulator.book(510_001, booking);
    await simulator.waitForWebhooks();
    expect(hook.bodies).toEqual([
      expect.objectContaining({ company_id: 510_001, resource: 'record', resource_id: id, status: 'create' }),
    ]);
    expect(hook.bodies[0]).toMatchObject({
      data: {
        id,
        date: '2026-03-10 14:30:00',
        datetime: '2026-03-10T14:30:00+03:00',
        create_date: '2026-03-08T12:00:00+0300',
        last_change_date: '2026-03-08T12:00:00+0300',
        services: [{ id: 44_001, title: 'Стрижка' }],
        staff: { name: 'Марина' },
        client: { name: 'Ольга', phone: '+79001112233' },
        paid_full: 0,
        attendance: 0,
        deleted: false,
        documents: [{ record_id: id }],
      },
    });
  });

  it('have exactly the documented fields', () => {
    const salon = new Salon({ id: 510_001, title: 'Ромашка' });
    const record = new SimulatedRecord(880_010_001, salon, booking, 0);
    expect(Object.keys(record.body({ flags: 'int' }))).toEqual(documentedFields.split(' '));
  });

  it('report changes, attendance and cancellation', async () => {
    const { simulator, hook } = await startActiveSalon();
    const { id } = simulator.book(510_001, { ...booking, client: null });
    simulator.change(id, { start: '2026-03-11 10:00:00' });
    simulator.markAttendance(id, 1);
    simulator.cancel(id);
    await simulator.waitForWebhooks();
    expect(hook.bodies).toMatchObject([
      { status: 'create', data: { client: null } },
      { status: 'update', data: { date: '2026-03-11 10:00:00' } },
      { status: 'update', data: { attendance: 1, visit_attendance: 1 } },
      { status: 'delete', data: { deleted: true } },
    ]);
  });

  it('can have booleans, wrong offsets, empty deletions, duplicates and reversed order', async () => {
    const { simulator, hook } = await startActiveSalon();
    simulator.configureWebhooks({
      flags: 'bool',
      datetimeOffset: '+00:00',
      emptyDeleteData: true,
      copies: 2,
    });
    simulator.reverseNextWebhooks(2);
    const { id } = simulator.book(510_001, booking);
    simulator.cancel(id);
    await simulator.waitForWebhooks();
    const created = { status: 'create', data: { paid_full: false, datetime: '2026-03-10T14:30:00+00:00' } };
    const deleted = { status: 'delete', data: [] };
    expect(hook.bodies).toMatchObject([deleted, deleted, created, created]);
  });

  it('are lost after a failure, or retried twice when retries are enabled', async () => {
    const { simulator, hook } = await startActiveSalon({}, 500, 503, 429);
    simulator.book(510_001, booking);
    await simulator.waitForWebhooks();
    expect(simulator.deliveries).toMatchObject([{ status: 500, attempts: 1 }]);
    simulator.configureWebhooks({ retry: 'two', retryDelayMs: 1 });
    simulator.book(510_001, booking);
    await simulator.waitForWebhooks();
    expect(simulator.deliveries[1]).toMatchObject({ status: 200, attempts: 3 });
    expect(hook.bodies).toHaveLength(4);
  });

  it('are not retried after another 4xx', async () => {
    const { simulator } = await startActiveSalon({}, 404);
    simulator.configureWebhooks({ retry: 'two', retryDelayMs: 1 });
    simulator.book(510_001, booking);
    await simulator.waitForWebhooks();
    expect(simulator.deliveries).toMatchObject([{ status: 404, attempts: 1 }]);
  });

  it('are not sent for a salon without an active installation', async () => {
    const { simulator, hook } = await startActiveSalon();
    await simulator.uninstall(510_001);
    simulator.book(510_001, booking);
    await simulator.waitForWebhooks();
    expect(hook.bodies).toEqual([]);
  });
});

describe('YCLIENTS simulator: lifecycle webhooks', () => {
  it('contain the partner token, and for a payment the published signature', async () => {
    const { simulator } = await startActiveSalon();
    const hook = await startWebhookReceiver();
    simulator.setApplication({ registrationRedirectUrl: 'https://app.example/', callbackUrl: hook.url });
    await simulator.pay(510_001, { amount: 1990, discount: 10 });
    await simulator.uninstall(510_001);
    const common = { salon_id: 510_001, application_id: 4242, partner_token: 'sim_partner_token_0001' };
    expect(hook.bodies).toMatchObject([
      {
        ...common,
        event: 'payment',
        amount: 1990,
        sign: '5b28ddf270e834aae5514576e897b54bbe7e0e5f112382faffeb2a1adcc397ce',
      },
      { ...common, event: 'uninstall' },
    ]);
  });

  it('change no simulator state when they are forged', async () => {
    const { simulator } = await startActiveSalon();
    const hook = await startWebhookReceiver();
    simulator.setApplication({ registrationRedirectUrl: 'https://app.example/', callbackUrl: hook.url });
    await simulator.uninstall(510_001, { partnerToken: 'wrong' });
    await simulator.uninstall(510_001, { partnerToken: null });
    expect(hook.bodies).toMatchObject([{ partner_token: 'wrong' }, { event: 'uninstall' }]);
    expect(hook.bodies[1]).not.toHaveProperty('partner_token');
    expect(simulator.salon(510_001).status).toBe('active');
  });
});
