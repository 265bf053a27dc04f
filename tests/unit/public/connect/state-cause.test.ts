import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { initialModel } from '../../../../public/scripts/connect/connection-model.js';
import { causeAndSince } from '../../../../public/scripts/connect/state-cause.js';
import { createTranslate } from '../../../../public/scripts/shared/i18n.js';
import { readSessionCause } from '../../../../public/scripts/shared/payloads.js';
import {
  decideAfterDisconnect,
  receiveTimedOut,
} from '../../../../src/whatsapp/session/disconnect-policy.ts';

const translate = createTranslate({
  connect: { since: 'Since {time}.' },
  causes: { '402/101': 'Too many unknown contacts.' },
});
const modelFrom = (payload: unknown) => ({ ...initialModel, ...readSessionCause(payload) });
const banned = modelFrom({ state: 'banned', detail: '402/101', since: '2026-03-30T07:15:00Z' });

describe('the line below the status', () => {
  it('explains why the session is in its state, and since when', () => {
    expect(causeAndSince(banned, 'banned', translate, 'en')).toMatch(
      /^Too many unknown contacts\. Since March (29|30|31).*\d\d:15.*\.$/,
    );
  });

  it('is empty on transient screens', () => {
    for (const screen of ['qr', 'waiting', 'loading', 'idle'] as const)
      expect(causeAndSince(banned, screen, translate, 'en')).toBe('');
  });

  it('omits unknown cause codes and invalid dates', () => {
    const model = modelFrom({ state: 'stopped', detail: 'something_new', since: 'yesterday' });
    expect(causeAndSince(model, 'stopped', translate, 'en')).toBe('');
  });

  it.each(['ru', 'en'])('explains in %s that a silent connection is being replaced', (language) => {
    const texts: unknown = JSON.parse(readFileSync(`public/locales/${language}.json`, 'utf8'));
    const history = { attempts: 0, sameCodeCount: 1, replacements: 0 };
    const { state, detail } = decideAfterDisconnect(receiveTimedOut, 'linked', history);
    expect(state).toBe('reconnecting');
    const line = causeAndSince(
      modelFrom({ state, detail }),
      'reconnecting',
      createTranslate(texts),
      language,
    );
    expect(line).toMatch(language === 'ru' ? /^WhatsApp ничего не присылает/ : /^WhatsApp sends nothing/);
  });
});
