import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { MigrationError, StartupError } from '../../../src/domain/errors/startup-error.ts';
import { findStartupFailure, startupFailureMessage } from '../../../src/config/startup-failure.ts';

const failed = (code: string, message = 'it failed') => Object.assign(new Error(message), { code });

describe('startFailure', () => {
  it('names the variable behind the usual errors, also when they are the cause of another', () => {
    const refused = failed('ECONNREFUSED', 'connect');
    expect(startupFailureMessage(new Error('migrating', { cause: refused }))).toContain('DATABASE_URL');
    expect(startupFailureMessage(new StartupError('address', failed('EADDRINUSE', 'listen')))).toContain(
      'PORT',
    );
    expect(startupFailureMessage(new StartupError('address', failed('EACCES', 'listen')))).toContain('PORT');
    const unreadable = Object.assign(failed('EACCES', 'open'), { path: 'data/jwt-secret' });
    expect(startupFailureMessage(unreadable)).toBe('Permission denied for this user: data/jwt-secret');
  });

  it('takes a name that is not known for that of whom it belongs to, and does not repeat it', () => {
    const unknown = failed('ENOTFOUND', 'getaddrinfo ENOTFOUND end-of-a-password');
    expect(startupFailureMessage(new StartupError('address', unknown))).toMatch(
      /^HOST is not an address of this machine/,
    );
    const ofDatabase = startupFailureMessage(new StartupError('database', unknown));
    expect(ofDatabase).toMatch(/^The host of DATABASE_URL cannot be resolved/);
    expect(ofDatabase).not.toContain('end-of-a-password');
  });

  it('says what it knows of any other error, without its secrets', () => {
    expect(startupFailureMessage(new TypeError('no postgres://u:hush@host/db'))).toMatch(
      /^TypeError: no postgres:/,
    );
    expect(startupFailureMessage(new TypeError('no postgres://u:hush@host/db'))).not.toContain('hush');
    expect(startupFailureMessage(new StartupError('database', new Error('no SSL')))).toContain(
      'DATABASE_URL unavailable: no SSL',
    );
    expect(startupFailureMessage(new AppError('DB_ERROR'))).toContain('SUPABASE_SERVICE_ROLE_KEY');
  });
});

describe('reasonOf', () => {
  it('tells settings that no waiting mends from what may be there at the next start', () => {
    const misconfigured = (at: StartupError['component'], code: string) =>
      findStartupFailure(new StartupError(at, failed(code)))?.misconfigured;
    for (const code of ['EADDRNOTAVAIL', 'EINVAL', 'ENOTFOUND', 'EACCES']) {
      expect(misconfigured('address', code), code).toBe(true);
    }
    for (const code of ['EADDRINUSE', 'EAI_AGAIN']) expect(misconfigured('address', code), code).toBe(false);
    for (const code of ['28P01', '28000']) expect(misconfigured('database', code), code).toBe(true);
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', '3D000']) {
      expect(misconfigured('database', code), code).toBe(false);
    }
  });

  it('treats refused migrations as misconfiguration', () => {
    const refusal = new MigrationError('Create a new database.');
    expect(findStartupFailure(refusal)).toEqual({ message: 'Create a new database.', misconfigured: true });
    expect(startupFailureMessage(refusal)).toBe('Create a new database.');
  });

  it('has none for what nobody foresaw', () => {
    expect(findStartupFailure(new TypeError('a fault'))).toBeUndefined();
    expect(findStartupFailure(new StartupError('database', new Error('no SSL')))).toBeUndefined();
  });
});
