import { createHmac } from 'node:crypto';
import joi from 'joi';
import { safeEqual } from '../crypto/hash.ts';
import { AppError } from '../domain/errors/app-error.ts';
import { looseText, nonEmptyText, type LooseText } from './loose-text.ts';

/** The YCLIENTS user who installs the application. */
export type MarketplaceUser = Readonly<{
  id: number;
  name: string | undefined;
  email: string | undefined;
  /** Digits without `+`. */
  phone: string | undefined;
}>;

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const maxEncodedLength = 8192;

type UserData = Readonly<Record<'name' | 'email' | 'phone', LooseText>> &
  Readonly<{ id?: number; user_id?: number }>;

const userDataSchema = joi
  .object<UserData>({
    id: joi.number().integer().positive(),
    user_id: joi.number().integer().positive(),
    name: looseText,
    email: looseText,
    phone: looseText,
  })
  .or('id', 'user_id')
  .unknown()
  .required();

/**
 * Verifies the user data of a registration redirect: lower-case hex HMAC-SHA256 of the base64-decoded bytes, keyed with the
 * partner token (support.alteg.io/hc/en-us/articles/6756242694429). The signature does not cover the salon id.
 *
 * @throws AppError `INVALID_TOKEN`
 */
export function verifyUserData(
  redirect: Readonly<{ userData: string; userDataSign: string; partnerToken: string }>,
): MarketplaceUser {
  // Query string parsers decode an unescaped `+` as a space.
  const encoded = redirect.userData.replaceAll(' ', '+');
  if (encoded.length > maxEncodedLength || !base64.test(encoded))
    throw invalidTokenError('user data that is not base64 or too long');
  const bytes = Buffer.from(encoded, 'base64');
  const expected = hmacSha256Hex(bytes, redirect.partnerToken);
  if (!safeEqual(redirect.userDataSign, expected)) throw invalidTokenError('an invalid signature');
  const result = userDataSchema.validate(parseUserData(bytes));
  if (result.error !== undefined) throw invalidTokenError('signed user data without a user');
  const { user_id, id = user_id, name, email, phone } = result.value;
  if (id === undefined) throw invalidTokenError('signed user data without a user');
  return { id, name: nonEmptyText(name), email: nonEmptyText(email), phone: nonEmptyText(phone) };
}

/** The `sign` of a payment webhook. Numbers keep the form they have in the webhook; `discount: null` is omitted. */
export function paymentSignature(
  payment: Readonly<{
    salonId: number;
    amount: number | string;
    discount: number | string | null;
    partnerToken: string;
  }>,
): string {
  const discount = payment.discount === null ? '' : `&discount=${payment.discount}`;
  return hmacSha256Hex(
    `salon_id=${payment.salonId}&amount=${payment.amount}${discount}`,
    payment.partnerToken,
  );
}

function hmacSha256Hex(message: Uint8Array | string, partnerToken: string): string {
  return createHmac('sha256', partnerToken).update(message).digest('hex');
}

function parseUserData(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw invalidTokenError('signed user data that is not JSON');
  }
}

/** Drops the parser's error, which quotes names and phones. */
function invalidTokenError(reason: string): AppError {
  return new AppError('INVALID_TOKEN', { cause: new Error(`The redirect has ${reason}`) });
}
