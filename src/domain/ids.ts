import { AppError } from './errors/app-error.ts';

/** Our id of a company. YCLIENTS uses `company_id` for its own salon ids: see `SalonId`. */
export type CompanyId = number & { readonly brand: 'CompanyId' };

/** YCLIENTS id of a salon: `salon_id` in its API, `company_id` in its webhooks. */
export type SalonId = number & { readonly brand: 'SalonId' };

const positiveIntegerPattern = /^[1-9][0-9]{0,15}$/;

/** Accepts integers from 1 to 2^53-1, as a number or as ASCII digits without leading zeros; undefined otherwise. */
export function parsePositiveInteger(value: unknown): number | undefined {
  if (typeof value !== 'number' && (typeof value !== 'string' || !positiveIntegerPattern.test(value)))
    return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** @throws AppError `VALIDATION_ERROR` naming `field` */
export function companyIdFrom(value: unknown, field = 'companyId'): CompanyId {
  const number = parsePositiveInteger(value);
  if (isCompanyId(number)) return number;
  throw invalidIdError(field);
}

/** @throws AppError `VALIDATION_ERROR` naming `field` */
export function salonIdFrom(value: unknown, field = 'salon_id'): SalonId {
  const number = parsePositiveInteger(value);
  if (isSalonId(number)) return number;
  throw invalidIdError(field);
}

function isCompanyId(number: number | undefined): number is CompanyId {
  return number !== undefined;
}

function isSalonId(number: number | undefined): number is SalonId {
  return number !== undefined;
}

function invalidIdError(field: string): AppError {
  return new AppError('VALIDATION_ERROR', {
    text: {
      ru: `Поле ${field} должно быть целым положительным числом.`,
      en: `The field ${field} must be a positive integer.`,
    },
  });
}
