import { describe, expect, it } from 'vitest';
import { restrictionText } from '../../../../src/domain/notification/restriction.ts';

const now = new Date('2026-04-01T10:00:00Z');
const text = (endsAt: string, timeZone: string | undefined, language: 'ru' | 'en') =>
  restrictionText({ endsAt: new Date(endsAt) }, { timeZone, language, now });

describe('what the owner reads of a restriction', () => {
  it("names its end by the salon's clock", () => {
    expect(text('2026-04-01T12:30:10Z', 'Asia/Yekaterinburg', 'ru')).toContain(
      'WhatsApp ограничил новые чаты до 17:30.',
    );
    expect(text('2026-04-01T12:30:10Z', 'Europe/Moscow', 'en')).toContain(
      'WhatsApp has restricted new chats until 15:30.',
    );
  });

  it("names the day as well when that is not the salon's today", () => {
    expect(text('2026-04-01T22:30:00Z', 'Europe/Moscow', 'ru')).toContain('до 01:30, 2 апреля.');
    expect(text('2026-04-03T06:00:00Z', 'Europe/Moscow', 'en')).toContain('until 09:00, 3 April.');
  });

  it('says that the time is UTC where the zone is not known', () => {
    expect(text('2026-04-01T12:30:00Z', undefined, 'ru')).toContain('до 12:30 UTC.');
  });
});
