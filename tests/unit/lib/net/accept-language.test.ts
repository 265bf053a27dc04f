import { describe, expect, it } from 'vitest';
import { preferredLanguage } from '../../../../src/lib/net/accept-language.ts';

const languageFor = (header: string | undefined) =>
  preferredLanguage(header === undefined ? {} : { 'accept-language': header }, ['ru', 'en']);

describe('preferredLanguage', () => {
  it('takes the supported language with the highest weight', () => {
    expect(languageFor('en;q=0.2,ru;q=0.8')).toBe('ru');
    expect(languageFor('fr,en;q=0.8,ru;q=0.2')).toBe('en');
  });

  it('counts a regional variant as its language, in any case', () => {
    expect(languageFor('EN-us,ru;q=0.7,en;q=0.3')).toBe('en');
  });

  it('keeps the order of the header for equal weights', () => {
    expect(languageFor('en,ru')).toBe('en');
  });

  it('ignores a language with weight 0', () => {
    expect(languageFor('en;q=0')).toBe('ru');
  });

  it('falls back to the first language', () => {
    for (const header of [undefined, '', '*', 'fr', ';;,;q=x']) expect(languageFor(header)).toBe('ru');
  });
});
