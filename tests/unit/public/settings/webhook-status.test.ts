import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { webhookStatusText } from '../../../../public/scripts/settings/webhook-status.js';
import { createTranslate } from '../../../../public/scripts/shared/i18n.js';

const translateTo = (language: string) =>
  createTranslate(
    JSON.parse(readFileSync(new URL(`../../../../public/locales/${language}.json`, import.meta.url), 'utf8')),
  );
const active = { enabled: true, disabled_at: null, failing_since: null, waiting: 0 };
const failing = { ...active, failing_since: '2026-03-30T07:15:00Z', waiting: 12 };
const disabled = { ...failing, enabled: false, disabled_at: '2026-03-31T07:20:00Z' };

describe('webhookStatusText', () => {
  it('shows an active webhook and its pending messages', () => {
    expect(webhookStatusText(active, translateTo('ru'), 'ru')).toEqual({
      state: 'active',
      text: 'Работает: сообщения клиентов передаются в вашу систему.',
    });
    const { text } = webhookStatusText({ ...active, waiting: 2 }, translateTo('en'), 'en');
    expect(text).toMatch(/^It works: .* Waiting to be forwarded: 2\.$/);
  });

  it('shows since when it fails and how many messages are pending', () => {
    const inRussian = webhookStatusText(failing, translateTo('ru'), 'ru');
    expect(inRussian.state).toBe('failing');
    expect(inRussian.text).toMatch(/^Не работает с (29|30|31) марта.*\d\d:15: .* Ждут передачи: 12\.$/);
    const { text } = webhookStatusText(failing, translateTo('en'), 'en');
    expect(text).toMatch(/^It has been failing since March .* Waiting to be forwarded: 12\.$/);
  });

  it('shows when and why it was disabled, without pending messages', () => {
    const inRussian = webhookStatusText(disabled, translateTo('ru'), 'ru');
    expect(inRussian.state).toBe('disabled');
    expect(inRussian.text).toMatch(/^Отключена (30|31|1) (марта|апреля).*\d\d:20: .*410/);
    expect(inRussian.text).not.toContain('Ждут');
    expect(webhookStatusText(disabled, translateTo('en'), 'en').text).toMatch(
      /^It was switched off on .*410/,
    );
  });
});
