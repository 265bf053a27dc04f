import { describe, expect, it } from 'vitest';
import { findStartupFailure, startupFailureMessage } from '../../../src/config/startup-failure.ts';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { MigrationError, StartupError } from '../../../src/domain/errors/startup-error.ts';

const errorWithCode = (code: string, message = 'it failed') => Object.assign(new Error(message), { code });

describe('startupFailureMessage', () => {
  it('names the variable behind common errors, also when they are the cause of another', () => {
    const refused = errorWithCode('ECONNREFUSED', 'connect');
    expect(startupFailureMessage(new Error('migrating', { cause: refused }))).toContain('DATABASE_URL');
    expect(
      startupFailureMessage(new StartupError('address', errorWithCode('EADDRINUSE', 'listen'))),
    ).toContain('PORT');
    expect(startupFailureMessage(new StartupError('address', errorWithCode('EACCES', 'listen')))).toContain(
      'PORT',
    );
    const unreadable = Object.assign(errorWithCode('EACCES', 'open'), { path: 'data/jwt-secret' });
    expect(startupFailureMessage(unreadable)).toBe('Permission denied for this user: data/jwt-secret');
  });

  it('attributes an unresolved host name to its variable without repeating the name', () => {
    const notFound = errorWithCode('ENOTFOUND', 'getaddrinfo ENOTFOUND end-of-a-password');
    expect(startupFailureMessage(new StartupError('address', notFound))).toMatch(
      /^HOST is not an address of this machine/,
    );
    const databaseMessage = startupFailureMessage(new StartupError('database', notFound));
    expect(databaseMessage).toMatch(/^The host of DATABASE_URL cannot be resolved/);
    expect(databaseMessage).not.toContain('end-of-a-password');
  });

  it('shows the message of an unexpected error without its secrets', () => {
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

describe('findStartupFailure', () => {
  it('separates wrong settings from failures that a restart may resolve', () => {
    const misconfigured = (component: StartupError['component'], code: string) =>
      findStartupFailure(new StartupError(component, errorWithCode(code)))?.misconfigured;
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

  it('returns undefined for an unexpected error', () => {
    expect(findStartupFailure(new TypeError('a fault'))).toBeUndefined();
    expect(findStartupFailure(new StartupError('database', new Error('no SSL')))).toBeUndefined();
  });
});
