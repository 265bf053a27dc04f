import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { AppError } from '../errors/app-error.ts';

/** Longer input is rejected unparsed, which bounds the parser's work. */
const maxInputLength = 32;

/**
 * Formats a number to E.164, with Russia as the default country: `8 (900) 123-45-67`, `9001234567` and `79001234567` become
 * `+79001234567`. Undefined for an invalid number.
 */
export function formatPhone(input: string): string | undefined {
  const trimmed = input.trim();
  if (trimmed.length > maxInputLength) return undefined;
  const parsed = parsePhoneNumberFromString(trimmed, 'RU');
  if (parsed?.isValid() === true) return parsed.number;
  // YCLIENTS stores international numbers without the plus.
  const international = parsePhoneNumberFromString(`+${trimmed.replace(/^\+/, '')}`);
  return international?.isValid() === true ? international.number : undefined;
}

/** False for landline, toll-free and premium numbers. Some countries do not separate mobiles from landlines: true then. */
export function mayBeMobile(phone: string): boolean {
  const type = parsePhoneNumberFromString(phone)?.getType();
  return type !== 'FIXED_LINE' && type !== 'TOLL_FREE' && type !== 'PREMIUM_RATE';
}

/** @throws AppError `VALIDATION_ERROR` */
export function phoneFrom(input: unknown, field = 'phone'): string {
  const phone = typeof input === 'string' ? formatPhone(input) : undefined;
  if (phone !== undefined) return phone;
  throw new AppError('VALIDATION_ERROR', {
    text: {
      ru: `Поле ${field}: нужен номер телефона, например +79001234567.`,
      en: `The field ${field} must be a phone number such as +79001234567.`,
    },
  });
}

/** @throws AppError `VALIDATION_ERROR`, also for a landline */
export function mobileFrom(input: unknown, field = 'phone'): string {
  const phone = phoneFrom(input, field);
  if (mayBeMobile(phone)) return phone;
  throw new AppError('VALIDATION_ERROR', {
    text: {
      ru: `Поле ${field}: это городской номер, а нужен мобильный.`,
      en: `The field ${field} holds a landline; it must be a mobile number.`,
    },
  });
}

/** `+79001234567` → `+7900***4567`, for logs and responses. */
export function maskPhone(phone: string): string {
  return phone.length < 8 ? '***' : `${phone.slice(0, -7)}***${phone.slice(-4)}`;
}
