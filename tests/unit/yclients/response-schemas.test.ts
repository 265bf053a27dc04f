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

describe('readEnvelope', () => {
  it('accepts success as a boolean, a number, a text or absent, and any meta', () => {
    for (const success of [true, 1, '1', undefined]) {
      for (const meta of [[], {}, null, undefined, { message: '' }, 'text']) {
        expect(readEnvelope({ success, data: 7, meta })).toMatchObject({ success: true, data: 7 });
      }
    }
  });

  it('returns success: false; readErrorMessage returns the message', () => {
    const errorResponse = { success: 0, data: null, meta: { message: 'Access denied.' } };
    expect(readEnvelope(errorResponse).success).toBe(false);
    expect(readErrorMessage(errorResponse)).toBe('Access denied.');
  });

  it('rejects a list, a text, null and undefined', () => {
    for (const body of [[], 'ok', null, undefined])
      expect(catchAppError(() => readEnvelope(body))).toMatchObject(upstreamError);
  });
});

describe('readCompany', () => {
  it('reads the documented response', () => {
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

  it('requires only the id and omits fields that are empty or of another type', () => {
    const incomplete = {
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
    expect(readCompany(incomplete, salonId)).toEqual({
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

  it('omits an unknown time zone', () => {
    expect(readCompany({ id: 510_001, timezone_name: 'Moon/Tranquility' }, salonId).timeZone).toBeUndefined();
  });

  it('rejects another company and invalid data', () => {
    for (const data of [{ id: 510_002 }, { title: 'x' }, [], null]) {
      expect(catchAppError(() => readCompany(data, salonId))).toMatchObject(upstreamError);
    }
  });

  it('names the invalid field in the error, but not its value', () => {
    const error = catchAppError(() => readCompany({ id: 'secret-value' }, salonId));
    expect(error).toMatchObject(upstreamError);
    expect(String(error.cause)).toContain(' id ');
    expect(String(error.cause)).not.toContain('secret');
  });
});

describe('readApplicationStatus', () => {
  it('returns uninstalled when there is no connection', () => {
    for (const data of [null, [], {}, { connection_status: null }, { connection_status: [] }]) {
      expect(readApplicationStatus(data)).toBe('uninstalled');
    }
  });

  it('returns the documented states', () => {
    for (const status of ['pending', 'active', 'freezed']) {
      expect(readApplicationStatus({ connection_status: { status, created_at: '' } })).toBe(status);
    }
  });

  it('rejects an unknown state', () => {
    expect(
      catchAppError(() => readApplicationStatus({ connection_status: { status: 'melted' } })),
    ).toMatchObject(upstreamError);
  });
});

describe('readServiceTitles', () => {
  it('reads both forms of the response', () => {
    const services = [{ id: 1, title: 'Стрижка' }, { id: 2 }, { id: 3, title: 'Маникюр' }];
    expect(readServiceTitles({ events: [], services })).toEqual(['Стрижка', 'Маникюр']);
    expect(readServiceTitles(services)).toEqual(['Стрижка', 'Маникюр']);
  });
});

function catchAppError(action: () => unknown): AppError {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('No AppError was thrown');
}
