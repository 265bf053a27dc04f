import { expect, it } from 'vitest';
import { deterministicUuid } from '../../../src/crypto/hash.ts';

it('deterministicUuid is a valid UUID that depends on every part', () => {
  const uuid = deterministicUuid(1, 'record', { a: null });
  expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(deterministicUuid(1, 'record', { a: null })).toBe(uuid);
  expect(deterministicUuid(1, 'recor', 'd', { a: null })).not.toBe(uuid);
  expect(deterministicUuid('1', 'record', { a: null })).not.toBe(uuid);
});
