import { maskPhone } from '../domain/company/phone.ts';

const secretKeys =
  /token|secret|password|authorization|cookie|api_?key|credential|private|^qr$|^text$|^body$|^pairing_?code$|^code_?verifier$/i;
const phoneKeys = /phone|^jid$|^recipient$/i;

// The user part of a JID is a phone number or a LID.
const jidUser = /\d{5,20}(?=(?::\d+)?@)/g;
/** Matched before phones: UUIDs, long hex ids, timestamps, IPv4 addresses, versions of WhatsApp Web, migration names. */
const nonPhonePatterns = [
  /\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/,
  /\b(?:[\dA-F]{16,}|[\da-f]{16,})\b/,
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?/,
  /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/,
  /(?<!\d)2[,.]3000[,.]\d{10}(?!\d)/,
  /\b\d{14}(?=_[a-z])/,
];
const phoneLike = /(?<phone>(?<!\d)\+?\d(?:[ ().-]{0,2}\d){9,14}(?!\d))/;
const numberPattern = new RegExp([...nonPhonePatterns, phoneLike].map(({ source }) => source).join('|'), 'g');
const passwordInUrl = /(:\/\/[^\s/:@]*:)[^\s/]+(?=@)/g;
const jwtLike = /eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+/g;
const webhookSecretInPath = /(\/webhook\/\d+\/)[^/?\s"]+/g;
const tokenInPath = /(\/qr\/)[^/?\s"]+/g;
const tokenInQuery = /([?&#](?:token|tokens|user_data|user_data_sign|api_key)=)[^&\s"]+/g;

/** Most strings of a log line are ids or single words; they skip the other patterns. */
const plainId = /^(?:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|[a-z_]{1,30})$/;

const maxDepth = 6;
const maxStringLength = 4_000;

/** Removes secrets and WhatsApp addresses from a text, and masks phone numbers. */
export function redactText(text: string): string {
  if (plainId.test(text)) return text;
  return (text.length > maxStringLength ? `${text.slice(0, maxStringLength)}…` : text)
    .replace(jwtLike, '[token]')
    .replace(webhookSecretInPath, '$1[secret]')
    .replace(tokenInPath, '$1[token]')
    .replace(tokenInQuery, '$1[secret]')
    .replace(passwordInUrl, '$1[secret]')
    .replace(jidUser, '***')
    .replace(numberPattern, (match, phone?: string) =>
      phone === undefined ? match : maskPhone(phone.replaceAll(/[^+\d]/g, '')),
    );
}

/**
 * A copy of a log field that is safe to write: values under secret names are removed, phones masked, errors converted to
 * plain objects. Applied to every field of every line.
 */
export function redact(value: unknown, key = '', depth = 0): unknown {
  if (value === null || value === undefined) return value;
  if (secretKeys.test(key) && typeof value !== 'boolean') return '[redacted]';
  if (typeof value === 'string') {
    return phoneKeys.test(key) && !value.includes('***') ? maskPhone(value) : redactText(value);
  }
  if (typeof value === 'number') return phoneKeys.test(key) ? maskPhone(String(value)) : value;
  if (typeof value !== 'object') return typeof value === 'function' ? undefined : value;
  if (depth >= maxDepth) return '[deep]';
  if (value instanceof Date) return value;
  if (value instanceof Error) return redactError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => redact(item, key, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, redact(item, name, depth + 1)]),
  );
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  return {
    type: error.name,
    message: redactText(error.message),
    ...('code' in error && { code: redact(error.code) }),
    stack: redactText(error.stack ?? ''),
    ...(error.cause !== undefined && { cause: redact(error.cause, 'cause', depth + 1) }),
  };
}
