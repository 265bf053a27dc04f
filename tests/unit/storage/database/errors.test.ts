import { describe, expect, it } from 'vitest';
import { databaseError, isOutage } from '../../../../src/storage/database/errors.ts';

const outageOf = (code: string): boolean => isOutage(databaseError(code, new Error('refused')));

describe('isOutage', () => {
  it.each([
    ['no response', ''],
    ['a wrong password', '28P01'],
    ['a read-only database', '25006'],
    ['a server shutdown', '57P01'],
    ['a full disk', '53100'],
    ['a statement timeout', '57014'],
    ['a missing privilege', '42501'],
  ])('is true for %s', (_what, code) => expect(outageOf(code)).toBe(true));

  it.each([
    ['a character that is invalid in Postgres', '22P05'],
    ['a unique violation', '23505'],
    ['a program limit', '54000'],
    ['an error raised by a function', 'P0001'],
  ])('is false for %s', (_what, code) => expect(outageOf(code)).toBe(false));
});
