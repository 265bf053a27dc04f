import { createHmac } from 'node:crypto';
import joi from 'joi';
import { AppError } from '../domain/errors/app-error.ts';
import { safeEqual } from '../crypto/safe-equal.ts';

/** The person who pressed the button, as the platform describes them. */
export type MarketplaceUser = Readonly<{
  id: number;
  name: string | undefined;
  email: string | undefined;
  /** As the platform writes it: digits without `+`. */
  phone: string | undefined;
}>;

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const maxEncodedLength = 8192;

type UserData = Readonly<Record<'name' | 'email' | 'phone', string | number | null>> &
  Readonly<{ id?: number; user_id?: number }>;

const loose = joi
  .alternatives(joi.string().allow(''), joi.number().unsafe())
  .allow(null)
  .failover(null)
  .default(null);
const userData = joi
  .object<UserData>({
    id: joi.number().integer().positive(),
    user_id: joi.number().integer().positive(),
    name: loose,
    email: loose,
    phone: loose,
  })
  .or('id', 'user_id')
  .unknown()
  .required();

/**
 * Checks the user data of a registration redirect: lower-case hex HMAC-SHA256 over the base64-decoded bytes, keyed with
 * the partner token (support.alteg.io/hc/en-us/articles/6756242694429). It does not cover the salon's number.
 *
 * @throws AppError `INVALID_TOKEN`
 */
export function verifyUserData(
  redirect: Readonly<{ userData: string; userDataSign: string; partnerToken: string }>,
): MarketplaceUser {
  // A raw `+` in a query string arrives as a space.
  const encoded = redirect.userData.replaceAll(' ', '+');
  if (encoded.length > maxEncodedLength || !base64.test(encoded)) throw refusal('no base64, or too long');
  const bytes = Buffer.from(encoded, 'base64');
  const expected = sign(bytes, redirect.partnerToken);
  if (!safeEqual(redirect.userDataSign, expected)) throw refusal('a wrong signature');
  const result = userData.validate(parse(bytes));
  if (result.error !== undefined) throw refusal('signed user data without a user');
  const { user_id, id = user_id, name, email, phone } = result.value;
  if (id === undefined) throw refusal('signed user data without a user');
  return { id, name: text(name), email: text(email), phone: text(phone) };
}

/** The `sign` of a payment webhook; numbers exactly as the webhook writes them. `discount: null` is left out. */
export function paymentSignature(
  payment: Readonly<{
    salonId: number;
    amount: number | string;
    discount: number | string | null;
    partnerToken: string;
  }>,
): string {
  const discount = payment.discount === null ? '' : `&discount=${payment.discount}`;
  return sign(`salon_id=${payment.salonId}&amount=${payment.amount}${discount}`, payment.partnerToken);
}

function sign(message: Uint8Array | string, partnerToken: string): string {
  return createHmac('sha256', partnerToken).update(message).digest('hex');
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw refusal('signed user data that are no JSON');
  }
}

/** The causes of parsers quote what they read: a name, a phone. They stay here. */
function refusal(reason: string): AppError {
  return new AppError('INVALID_TOKEN', { cause: new Error(`The redirect has ${reason}`) });
}

function text(value: string | number | null): string | undefined {
  return value === null || value === '' ? undefined : String(value);
}
