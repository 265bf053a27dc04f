import { expect, it } from 'vitest';
import { parseClientReply } from '../../../../src/domain/notification/client-reply.ts';

it.each([
  ['СТОП', 'stop'],
  ['стоп.', 'stop'],
  [' Stop! ', 'stop'],
  ['CTOП', 'stop'],
  ['отписаться', 'stop'],
  ['СТАРТ', 'start'],
  ['start', 'start'],
  ['1', 'yes'],
  ['1️⃣', 'yes'],
  ['１', 'yes'],
  ['Да', 'yes'],
  ['да!', 'yes'],
  ['«Да»', 'yes'],
  ['подтверждаю 👍', 'yes'],
  ['0', 'no'],
  ['Нет', 'no'],
  ['HET', 'no'],
])('parseClientReply recognises %j as %s', (text, answer) => {
  expect(parseClientReply(text)).toBe(answer);
});

it.each([
  'да, но можно на час позже?',
  'стоп машина, а вы работаете?',
  '10',
  '01',
  '',
  '👍',
  'остановите',
  'x'.repeat(10_000),
])('parseClientReply ignores %j', (text) => {
  expect(parseClientReply(text)).toBeUndefined();
});
