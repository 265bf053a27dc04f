import { expect, it } from 'vitest';
import { type History, violationsOf } from '../harness/delivery-checker.ts';
import { type Posted, wordOf } from '../harness/webhook-traffic.ts';

const post = (kind: Posted['kind'], version: number, order: number, acknowledged = true): Posted => ({
  recordId: 7,
  kind,
  version,
  order,
  acknowledged,
});
const booked = (version: number) => `Вы записаны: ${wordOf(7, version)}`;
const cancelled = (version: number) => `Ваша запись отменена: ${wordOf(7, version)}`;

function violations(
  posted: readonly Posted[],
  texts: readonly string[],
  changes: Partial<History> = {},
): string[] {
  const received = texts.map((text, index) => ({ id: `id-${index}`, text }));
  return violationsOf({ posted, received, unknown: new Set(), ...changes });
}

it('finds nothing where all is well', () => {
  const posted = [post('create', 0, 1), post('noise', 0, 2), post('change', 1, 3), post('delete', 1, 4)];
  expect(violations(posted, [booked(0), booked(1), cancelled(1)])).toEqual([]);
});

it('takes either end for true when the last webhook had no answer', () => {
  const posted = [post('create', 0, 1), post('change', 1, 2, false)];
  expect(violations(posted, [booked(0)])).toEqual([]);
  expect(violations(posted, [booked(0), booked(1)])).toEqual([]);
});

it('finds a lost change, a lost creation and a lost cancellation', () => {
  expect(violations([post('create', 0, 1), post('change', 1, 2)], [booked(0)])).toHaveLength(1);
  expect(violations([post('create', 0, 1)], [])).toHaveLength(1);
  expect(violations([post('create', 0, 1), post('delete', 0, 2)], [booked(0)])).toHaveLength(1);
});

it('finds what was said or shown twice', () => {
  expect(violations([post('create', 0, 1)], [booked(0), booked(0)])).toHaveLength(1);
  const received = [booked(0), cancelled(0)].map((text) => ({ id: 'same', text }));
  const posted = [post('create', 0, 1), post('delete', 0, 2)];
  expect(violationsOf({ posted, received, unknown: new Set() })).toHaveLength(1);
});

it('finds a cancelled booking that came back', () => {
  const posted = [post('create', 0, 1), post('delete', 0, 2)];
  expect(violations(posted, [booked(0), cancelled(0), booked(1)])).toEqual(['Record 7 was revived']);
});

it('does not judge a record whose message WhatsApp never answered', () => {
  const posted = [post('create', 0, 1), post('change', 1, 2)];
  expect(violations(posted, [booked(0)], { unknown: new Set([7]) })).toEqual([]);
});
