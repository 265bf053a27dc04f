import { describe, expect, it } from 'vitest';
import { databaseError, isOutage } from '../../../../src/storage/database/errors.ts';

const outageOf = (code: string): boolean => isOutage(databaseError(code, new Error('refused')));

describe('an error of the database', () => {
  it.each([
    ['no answer', ''],
    ['a wrong password', '28P01'],
    ['a database that only reads', '25006'],
    ['a server that shuts down', '57P01'],
    ['a full disk', '53100'],
    ['a statement that took too long', '57014'],
    ['a right that is missing', '42501'],
  ])('is an outage, which ends by itself: %s', (_what, code) => expect(outageOf(code)).toBe(true));

  it.each([
    ['a character that it cannot hold', '22P05'],
    ['a duplicate', '23505'],
    ['a value that is too large', '54000'],
    ['what our functions raise', 'P0001'],
  ])('is the fault of what it was given: %s', (_what, code) => expect(outageOf(code)).toBe(false));
});
