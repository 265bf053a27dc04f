import { describe, expect, it } from 'vitest';
import {
  urlWithoutTokens,
  companyIdFromToken,
  loadTokens,
  tokensInUrl,
} from '../../../../public/scripts/shared/token.js';

const page = 'https://salon.example/marketplace/connect';
const jwt = (claims: unknown): string => {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `header.${payload}.signature`;
};
const emptyStorage = () => {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  };
};

describe('connect tokens', () => {
  it.each([
    ['the fragment', `${page}#token=a`, ['a']],
    ['a list for several salons', `${page}#tokens=a,b,,c`, ['a', 'b', 'c']],
    ['a repeated fragment', `${page}#token=a&token=b&token=a`, ['a', 'b']],
    ['the old query', `${page}?token=a&lang=en`, ['a']],
    ['a URL without tokens', `${page}?lang=en#pairing`, []],
  ])('are read from %s', (_name, address, tokens) => {
    expect(tokensInUrl(address)).toEqual(tokens);
  });

  it('are removed from the URL, and nothing else is', () => {
    expect(urlWithoutTokens(`${page}?token=a&lang=en#token=b`)).toBe(`${page}?lang=en`);
    expect(urlWithoutTokens(`${page}?lang=en#pairing`)).toBe(`${page}?lang=en#pairing`);
  });

  it('survive a page reload until a newer link replaces them', () => {
    const storage = emptyStorage();
    expect(loadTokens(`${page}#tokens=a,b`, storage)).toEqual(['a', 'b']);
    expect(loadTokens(page, storage)).toEqual(['a', 'b']);
    expect(loadTokens(`${page}#token=c`, storage)).toEqual(['c']);
    expect(loadTokens(page, storage)).toEqual(['c']);
    expect(loadTokens(page, emptyStorage())).toEqual([]);
  });
});

describe('the company of a token', () => {
  it('is read from the claim, even if other claims are not ASCII', () => {
    expect(companyIdFromToken(jwt({ company_id: 42, title: 'Салон «Ёжик» ???>>>' }))).toBe(42);
  });

  it.each([
    ['no claim', jwt({})],
    ['text instead of a number', jwt({ company_id: '42' })],
    ['zero', jwt({ company_id: 0 })],
    ['a number past 2^53', jwt({ company_id: 2 ** 53 })],
    ['no object', jwt(null)],
    ['no payload', 'abc'],
    ['broken base64', 'a.%%%.c'],
    ['broken JSON', `a.${Buffer.from('{').toString('base64url')}.c`],
  ])('is unknown with %s', (_name, token) => {
    expect(companyIdFromToken(token)).toBeUndefined();
  });
});
