import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { initialModel } from '../../../../public/scripts/connect/connection-model.js';
import { createTranslate } from '../../../../public/scripts/shared/i18n.js';
import { readSessionCause } from '../../../../public/scripts/shared/payloads.js';
import { causeAndSince } from '../../../../public/scripts/connect/state-cause.js';
import {
  decideAfterDisconnect,
  receiveTimedOut,
} from '../../../../src/whatsapp/session/disconnect-policy.ts';

const translate = createTranslate({
  connect: { since: 'Since {time}.' },
  causes: { '402/101': 'Too many strangers.' },
});
const modelFrom = (payload: unknown) => ({ ...initialModel, ...readSessionCause(payload) });
const banned = modelFrom({ state: 'banned', detail: '402/101', since: '2026-03-30T07:15:00Z' });

describe('the line below the status', () => {
  it('says in words why the session is in its state, and since when', () => {
    expect(causeAndSince(banned, 'banned', translate, 'en')).toMatch(
      /^Too many strangers\. Since March (29|30|31).*\d\d:15.*\.$/,
    );
  });

  it('is silent while something is under way', () => {
    for (const screen of ['qr', 'waiting', 'loading', 'idle'] as const)
      expect(causeAndSince(banned, screen, translate, 'en')).toBe('');
  });

  it('shows no code that says nothing to a person, and no date that is none', () => {
    const model = modelFrom({ state: 'stopped', detail: 'something_new', since: 'yesterday' });
    expect(causeAndSince(model, 'stopped', translate, 'en')).toBe('');
  });

  it.each(['ru', 'en'])(
    'says in words (%s) that a connection which heard nothing is replaced',
    (language) => {
      const texts: unknown = JSON.parse(readFileSync(`public/locales/${language}.json`, 'utf8'));
      const closes = { attempts: 0, sameCodeCount: 1, replacements: 0 };
      const { state, detail } = decideAfterDisconnect(receiveTimedOut, 'linked', closes);
      expect(state).toBe('reconnecting');
      const line = causeAndSince(
        modelFrom({ state, detail }),
        'reconnecting',
        createTranslate(texts),
        language,
      );
      expect(line).toMatch(language === 'ru' ? /^WhatsApp молчит/ : /^WhatsApp sends nothing/);
    },
  );
});
