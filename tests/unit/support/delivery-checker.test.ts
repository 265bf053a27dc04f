import { expect, it } from 'vitest';
import { type DeliveryHistory, findViolations } from '../../support/checkers/delivery-checker.ts';
import { type PostedWebhook, versionMarker } from '../../support/clients/webhook-traffic.ts';

const phone = '79008001000';

const post = (
  kind: PostedWebhook['kind'],
  version: number,
  order: number,
  acknowledged = true,
): PostedWebhook => ({
  recordId: 7,
  kind,
  version,
  order,
  phone,
  acknowledged,
});
const booked = (version: number) => `Вы записаны: ${versionMarker(7, version)}`;
const cancelled = (version: number) => `Ваша запись отменена: ${versionMarker(7, version)}`;

function violations(
  posted: readonly PostedWebhook[],
  texts: readonly string[],
  changes: Partial<DeliveryHistory> = {},
): string[] {
  const received = texts.map((text, index) => ({ id: `id-${index}`, text, phone }));
  return findViolations({ posted, received, unknown: new Set(), ...changes });
}

it('accepts correct deliveries', () => {
  const posted = [post('create', 0, 1), post('noise', 0, 2), post('change', 1, 3), post('delete', 1, 4)];
  expect(violations(posted, [booked(0), booked(1), cancelled(1)])).toEqual([]);
});

it('accepts either final state when the last webhook had no response', () => {
  const posted = [post('create', 0, 1), post('change', 1, 2, false)];
  expect(violations(posted, [booked(0)])).toEqual([]);
  expect(violations(posted, [booked(0), booked(1)])).toEqual([]);
});

it('finds a lost change, a lost creation and a lost cancellation', () => {
  expect(violations([post('create', 0, 1), post('change', 1, 2)], [booked(0)])).toHaveLength(1);
  expect(violations([post('create', 0, 1)], [])).toHaveLength(1);
  expect(violations([post('create', 0, 1), post('delete', 0, 2)], [booked(0)])).toHaveLength(1);
});

it('finds messages sent or shown twice', () => {
  expect(violations([post('create', 0, 1)], [booked(0), booked(0)])).toEqual([
    `Delivered 2 times: ${booked(0)}`,
    'Record 7: version 0 notified twice',
  ]);
  const received = [booked(0), cancelled(0)].map((text) => ({ id: 'same', text, phone }));
  const posted = [post('create', 0, 1), post('delete', 0, 2)];
  expect(findViolations({ posted, received, unknown: new Set() })).toHaveLength(1);
});

it('finds a cancelled booking that was confirmed again', () => {
  const posted = [post('create', 0, 1), post('delete', 0, 2)];
  expect(violations(posted, [booked(0), cancelled(0), booked(1)])).toContain('Record 7 was revived');
});

it('skips a record whose message has the status unknown', () => {
  const posted = [post('create', 0, 1), post('change', 1, 2)];
  expect(violations(posted, [booked(0)], { unknown: new Set([7]) })).toEqual([]);
});

it('finds a state notified twice in different texts, cancellations included', () => {
  const posted = [post('create', 0, 1), post('change', 1, 2), post('delete', 1, 3)];
  const moved = `Время изменилось: ${versionMarker(7, 1)}`;
  expect(violations(posted, [booked(0), moved, booked(1), cancelled(1)])).toEqual([
    'Record 7: version 1 notified twice',
  ]);
  expect(violations(posted, [booked(0), moved, cancelled(0), cancelled(1)])).toEqual([
    'Record 7 was cancelled twice',
  ]);
});

it('finds an older state notified after a newer one, also with an unknown message', () => {
  const posted = [post('create', 0, 1), post('change', 1, 2), post('change', 2, 3)];
  expect(violations(posted, [booked(1), booked(0), booked(2)], { unknown: new Set([7]) })).toEqual([
    'Record 7: version 0 notified after 1',
  ]);
});

it('finds a message on the phone of another client', () => {
  const received = [{ id: 'one', text: booked(0), phone: '79008009999' }];
  expect(findViolations({ posted: [post('create', 0, 1)], received, unknown: new Set() })).toEqual([
    'Record 7: notification sent to another client',
  ]);
});
