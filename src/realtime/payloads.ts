import { phoneFrom } from '../domain/company/phone.ts';
import type { SessionStatus } from '../domain/company/session-state.ts';
import { toPublicError } from '../domain/errors/app-error.ts';
import type { Language } from '../domain/language.ts';
import { secondsLeft } from '../lib/text.ts';
import type { PairingCode, RenderedQr } from '../ports/sessions.ts';
import type { Ack, ServerEventPayload, ErrorPayload } from './events.ts';

export function sessionPayload({ state, since, detail }: SessionStatus): ServerEventPayload<'session-state'> {
  return { state, since: since.toISOString(), ...(detail !== undefined && { detail }) };
}

/** Undefined for an expired code. */
export function qrPayload(code: RenderedQr, now: Date): ServerEventPayload<'qr-update'> | undefined {
  const { qr, text, sequence, expiresAt } = code;
  const expiresIn = secondsLeft(expiresAt, now);
  return expiresIn > 0 ? { qr, text, sequence, expiresIn, expiresAt: expiresAt.toISOString() } : undefined;
}

export function pairingPayload(
  { code, phone, expiresAt }: PairingCode,
  now: Date,
): ServerEventPayload<'pairing-code'> {
  return { code, phone, expiresIn: secondsLeft(expiresAt, now) };
}

/** The phone in a `request-pairing-code` payload. @throws AppError `VALIDATION_ERROR` */
export function readPhone(payload: unknown): string {
  const phone: unknown =
    typeof payload === 'object' && payload !== null && 'phone' in payload ? payload.phone : undefined;
  return phoneFrom(phone);
}

/** The acknowledgement callback among the arguments of a client event, or a no-op. */
export function findAck(args: readonly unknown[]): Ack {
  const last = args.at(-1);
  return isAck(last) ? last : () => undefined;
}

function isAck(value: unknown): value is Ack {
  return typeof value === 'function';
}

export function toErrorPayload(error: unknown, language: Language): ErrorPayload {
  const { code, message, retryAfterSeconds } = toPublicError(error, language);
  return { code, message, ...(retryAfterSeconds !== undefined && { retryAfter: retryAfterSeconds }) };
}

/** Sent to the client as `connect_error` with the payload in `err.data`. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError';
  readonly data: ErrorPayload;

  constructor(error: unknown, language: Language) {
    const data = toErrorPayload(error, language);
    super(data.code, { cause: error });
    this.data = data;
  }
}
