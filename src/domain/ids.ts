import { AppError } from './errors/app-error.ts';

/** Our number of a company. Never the platform's: YCLIENTS calls its own salon number `company_id`. */
export type CompanyId = number & { readonly brand: 'CompanyId' };

/** The platform's number of a salon (`salon_id`; `company_id` in its webhooks). */
export type SalonId = number & { readonly brand: 'SalonId' };

const positiveIntegerPattern = /^[1-9][0-9]{0,15}$/;

/** Reads a positive integer up to 2^53-1 from a number or from plain ASCII digits; anything else is undefined. */
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
