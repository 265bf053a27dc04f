import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { screens } from '../../../public/scripts/connect/connection-model.js';
import { screenAppearance } from '../../../public/scripts/connect/screen-appearance.js';
import { causes } from '../../../public/scripts/connect/state-cause.js';
import { errorAction, errorActions, unknownErrorCode } from '../../../public/scripts/shared/error-actions.js';
import { chooseLanguage, createTranslate } from '../../../public/scripts/shared/i18n.js';
import { integrationStatuses } from '../../../src/domain/company/company.ts';
import { sessionStates } from '../../../src/domain/company/session-state.ts';
import { errorCodes } from '../../../src/domain/errors/app-error.ts';

const directory = new URL('../../../public/', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, directory), 'utf8');

type Texts = Readonly<Record<string, string>>;
const flatten = (value: unknown, path: string): [string, string][] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => flatten(inner, path === '' ? key : `${path}.${key}`))
    : [[path, String(value)]];
const loadTexts = (language: string): Texts =>
  Object.fromEntries(flatten(JSON.parse(read(`locales/${language}.json`)), ''));

const ru = loadTexts('ru');
const en = loadTexts('en');
const scripts = readdirSync(new URL('scripts/', directory), { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.js'),
);
const pages = ['index.html', 'connect.html', 'settings.html', 'error.html'];
const codes = [...Object.keys(errorCodes), unknownErrorCode];
const placeholders = (text: string | undefined): string[] => (text ?? '').match(/\{\w+\}/gu)?.sort() ?? [];

describe('the texts of the pages', () => {
  it('have the same keys and placeholders in both languages, none empty', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(ru).sort());
    for (const [key, text] of Object.entries(ru)) {
      expect(text.trim(), key).not.toBe('');
      expect(en[key]?.trim(), key).not.toBe('');
      expect(placeholders(en[key]), key).toEqual(placeholders(text));
    }
  });

  it('are Russian in one file and English in the other', () => {
    const cyrillic = /[а-яё]/iu;
    expect(Object.entries(en).filter(([, text]) => cyrillic.test(text))).toEqual([]);
    const withoutCyrillic = Object.entries(ru).filter(([, text]) => !cyrillic.test(text));
    expect(withoutCyrillic).toEqual([]);
  });

  it.each(codes)('explain %s and what to do', (code) => {
    for (const part of ['title', 'text', 'action']) expect(ru).toHaveProperty([`errors.${code}.${part}`]);
  });

  it.each([...sessionStates.filter((state) => state !== 'pairing'), ...screens])(
    'include the screen %s',
    (screen) => {
      for (const part of ['title', 'text']) expect(ru).toHaveProperty([`screens.${screen}.${part}`]);
    },
  );

  it.each(causes)('include the cause %s', (cause) => {
    expect(ru).toHaveProperty([`causes.${cause}`]);
  });

  it.each(integrationStatuses)('include the integration status %s', (status) => {
    expect(ru).toHaveProperty([`integration.${status}`]);
  });

  it.each(pages)('include every key used in %s', (page) => {
    const keys = [...read(page).matchAll(/data-(?:i18n(?:-\w+)?|title)="([^"]+)"/gu)].map(
      (match) => match[1],
    );
    expect(keys.length).toBeGreaterThan(5);
    for (const key of keys) expect(ru, key).toHaveProperty([key ?? '']);
  });

  it('include every key used in a script', () => {
    for (const file of scripts) {
      const keys = [...read(`scripts/${file}`).matchAll(/'((?:connect|pairing|settings)\.\w+|tryAgain)'/gu)];
      for (const [, key] of keys) expect(ru, `${file}: ${key}`).toHaveProperty([key ?? '']);
    }
  });
});

describe('an error code', () => {
  it.each(Object.keys(errorCodes))('%s has an action of the page', (code) => {
    expect(errorAction(code)).toBeDefined();
  });

  it('has the documented action', () => {
    expect(errorActions).toMatchObject({
      INVALID_TOKEN: { kind: 'close' },
      RATE_LIMIT: { kind: 'wait' },
      QR_EXPIRED: { kind: 'new-code' },
      CONNECTION_FAILED: { kind: 'retry-then-pairing-code' },
      COMPANY_NOT_FOUND: { kind: 'close' },
      DB_ERROR: { kind: 'wait', defaultSeconds: 5 },
      VALIDATION_ERROR: { kind: 'name-field' },
      PASSKEY_REQUIRED: { kind: 'explain' },
    });
  });

  it('offers registration only if it closes the link', () => {
    expect(codes.filter((code) => screenAppearance('error', code).register)).toEqual(
      codes.filter((code) => errorAction(code)?.kind === 'close'),
    );
  });

  it('named like an inherited property has no action', () => {
    expect(errorAction('constructor')).toBeUndefined();
  });
});

describe('the pages', () => {
  it.each(pages)('%s has no inline script, style or handler and no external resource', (page) => {
    const html = read(page);
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:/iu);
    for (const [, address] of html.matchAll(/\s(?:src|href)="([^"]*)"/gu)) {
      expect(address).toMatch(/^(\/marketplace\/|#|$|https:\/\/www\.yclients\.com\/$)/u);
    }
  });

  it('never write markup from a script', () => {
    for (const file of scripts) {
      expect(read(`scripts/${file}`), file).not.toMatch(
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write/u,
      );
    }
  });
});

describe('the language', () => {
  it.each([
    ['the URL', { requested: 'en', saved: 'ru', browser: ['ru'] }, 'en'],
    ['the saved choice', { requested: 'xx', saved: 'en', browser: ['ru'] }, 'en'],
    [
      'the first supported browser language',
      { requested: null, saved: null, browser: ['de', 'en-GB', 'ru'] },
      'en',
    ],
    ['the default', { requested: null, saved: null, browser: ['de'] }, 'ru'],
  ])('is taken from %s', (_name, languages, language) => {
    expect(chooseLanguage(languages)).toBe(language);
  });
});

describe('createTranslate', () => {
  it('fills placeholders, keeps unknown ones and returns the key of a missing text', () => {
    const translate = createTranslate({ a: { b: '{x} and {y}' } });
    expect(translate('a.b', { x: '$&' })).toBe('$& and {y}');
    expect(translate('a.c')).toBe('a.c');
    expect(translate('a')).toBe('a');
  });
});
