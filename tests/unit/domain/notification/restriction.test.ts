import { describe, expect, it } from 'vitest';
import type { Language } from '../../../../src/domain/language.ts';
import { restrictionText } from '../../../../src/domain/notification/restriction.ts';

const now = new Date('2026-04-01T10:00:00Z');
const text = (endsAt: string, timeZone: string | undefined, language: Language) =>
  restrictionText({ endsAt: new Date(endsAt) }, { timeZone, language, now });

describe('restrictionText', () => {
  it("names the end in the salon's time zone", () => {
    expect(text('2026-04-01T12:30:10Z', 'Asia/Yekaterinburg', 'ru')).toContain(
      'WhatsApp ограничил новые чаты до 17:30.',
    );
    expect(text('2026-04-01T12:30:10Z', 'Europe/Moscow', 'en')).toContain(
      'WhatsApp has restricted new chats until 15:30.',
    );
  });

  it('adds the date when the end is not today in the salon', () => {
    expect(text('2026-04-01T22:30:00Z', 'Europe/Moscow', 'ru')).toContain('до 01:30, 2 апреля.');
    expect(text('2026-04-03T06:00:00Z', 'Europe/Moscow', 'en')).toContain('until 09:00, 3 April.');
  });

  it('marks the time as UTC when the zone is unknown', () => {
    expect(text('2026-04-01T12:30:00Z', undefined, 'ru')).toContain('до 12:30 UTC.');
  });
});
