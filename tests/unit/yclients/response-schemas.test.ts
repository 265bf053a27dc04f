import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { salonIdFrom } from '../../../src/domain/ids.ts';
import {
  readApplicationStatus,
  readCompany,
  readEnvelope,
  readErrorMessage,
  readServiceTitles,
} from '../../../src/yclients/response-schemas.ts';

const salonId = salonIdFrom(510_001);
const upstreamError = { code: 'UPSTREAM_ERROR', retryable: false };

describe('envelope', () => {
  it('is read with success as a boolean, a number, a text or not at all, and with any meta', () => {
    for (const success of [true, 1, '1', undefined]) {
      for (const meta of [[], {}, null, undefined, { message: '' }, 'text']) {
        expect(readEnvelope({ success, data: 7, meta })).toMatchObject({ success: true, data: 7 });
      }
    }
  });

  it('tells a refusal inside a success, with its sentence', () => {
    const refusal = { success: 0, data: null, meta: { message: 'Access denied.' } };
    expect(readEnvelope(refusal).success).toBe(false);
    expect(readErrorMessage(refusal)).toBe('Access denied.');
  });

  it('cannot be a list, a text or nothing', () => {
    for (const body of [[], 'ok', null, undefined])
      expect(errorOf(() => readEnvelope(body))).toMatchObject(upstreamError);
  });
});

describe('company', () => {
  it('is read from the documented answer', () => {
    const company = {
      id: 510_001,
      title: 'Салон Ромашка',
      short_descr: 'Салон красоты',
      city: 'Москва',
      timezone: 3,
      timezone_name: 'Europe/Moscow',
      phone: '+74950000000',
      business_type_id: 1,
    };
    expect(readCompany(company, salonId)).toEqual({
      id: 510_001,
      title: 'Салон Ромашка',
      shortDescription: 'Салон красоты',
      phone: '+74950000000',
      city: 'Москва',
      timeZone: 'Europe/Moscow',
      businessTypeId: 1,
      businessTypeTitle: undefined,
    });
  });

  it('needs only its number; what is missing, empty or of another type is left out', () => {
    const odd = {
      id: '510001',
      title: '',
      public_title: 'Ромашка',
      short_descr: null,
      city: [],
      timezone_name: 3,
      phone: 74_950_000_000,
      business_type_id: '',
      business_type: [],
    };
    expect(readCompany(odd, salonId)).toEqual({
      id: 510_001,
      title: 'Ромашка',
      shortDescription: '',
      phone: '74950000000',
      city: undefined,
      timeZone: undefined,
      businessTypeId: undefined,
      businessTypeTitle: undefined,
    });
  });

  it('has no time zone when the platform names one that does not exist', () => {
    expect(readCompany({ id: 510_001, timezone_name: 'Moon/Tranquility' }, salonId).timeZone).toBeUndefined();
  });

  it('is refused when it is another salon or no company', () => {
    for (const data of [{ id: 510_002 }, { title: 'x' }, [], null]) {
      expect(errorOf(() => readCompany(data, salonId))).toMatchObject(upstreamError);
    }
  });
});

describe('application status', () => {
  it('is uninstalled when there is no connection', () => {
    for (const data of [null, [], {}, { connection_status: null }, { connection_status: [] }]) {
      expect(readApplicationStatus(data)).toBe('uninstalled');
    }
  });

  it('is what the platform calls it', () => {
    for (const status of ['pending', 'active', 'freezed']) {
      expect(readApplicationStatus({ connection_status: { status, created_at: '' } })).toBe(status);
    }
  });

  it('is refused when the word is unknown', () => {
    expect(errorOf(() => readApplicationStatus({ connection_status: { status: 'melted' } }))).toMatchObject(
      upstreamError,
    );
  });
});

describe('services and records', () => {
  it('gives the titles of services from both forms of the answer', () => {
    const services = [{ id: 1, title: 'Стрижка' }, { id: 2 }, { id: 3, title: 'Маникюр' }];
    expect(readServiceTitles({ events: [], services })).toEqual(['Стрижка', 'Маникюр']);
    expect(readServiceTitles(services)).toEqual(['Стрижка', 'Маникюр']);
  });

  it('refuses a company without a number and names the field, not the value', () => {
    const refused = errorOf(() => readCompany({ id: 'secret-value' }, salonId));
    expect(refused).toMatchObject(upstreamError);
    expect(String(refused.cause)).toContain(' id ');
    expect(String(refused.cause)).not.toContain('secret');
  });
});

function errorOf(action: () => unknown): AppError {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('Nothing was refused');
}
