import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { AppError } from '../../domain/errors/app-error.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import type { PairingCode } from '../../ports/sessions.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { KeyedMutex } from '../../lib/async/keyed-mutex.ts';
import type { Session } from '../session/session.ts';
import type { SessionTimeouts } from '../timeouts.ts';
import type { Pairing } from './pairing.ts';

/** What WhatsApp answers: this, or the code of an error. */
const accepted = 'agreed';
const tooManyRequests = '429';

/** It is not known whether WhatsApp took the request. */
export class PairingCodeTimeoutError extends AppError {
  constructor() {
    super('CONNECTION_FAILED', {
      text: {
        ru: 'WhatsApp не ответил на запрос кода. Попробуйте ещё раз или отсканируйте QR-код.',
        en: 'WhatsApp did not respond to the pairing code request. Try again or scan the QR code.',
      },
    });
  }
}

/**
 * Asks WhatsApp for a code that the owner types on the phone. Baileys makes the code itself and returns it before WhatsApp has
 * agreed; a code that WhatsApp refused would only be turned down on the phone, without a word why. After a refusal the
 * one before it links as it did. One request at a time on a socket.
 * @param number digits alone
 * @param timeoutMs how long WhatsApp may take to agree
 * @throws UnansweredError, AppError `CONNECTION_FAILED` with what the owner can do instead
 */
export async function requestPairingCode(sock: WASocket, number: string, timeoutMs: number): Promise<string> {
  const { pairingCode, me } = sock.authState.creds;
  try {
    return await requestAcceptedCode(sock, number, timeoutMs);
  } catch (error) {
    restoreCreds(sock, { pairingCode, me });
    throw error;
  }
}

async function requestAcceptedCode(sock: WASocket, number: string, timeoutMs: number): Promise<string> {
  using response = subscribeToResponse(sock, nextQueryTag(sock));
  const code = await sock.requestPairingCode(number);
  const result = await withTimeout(response.result, timeoutMs);
  if (result === undefined) throw new PairingCodeTimeoutError();
  if (result !== accepted) throw refusedError(result);
  return code;
}

/** Baileys opens what the phone sends with the code and the number that it was asked for last, whatever WhatsApp said of them. */
function restoreCreds(
  { authState: { creds }, ev }: WASocket,
  previous: Readonly<Record<'pairingCode' | 'me', unknown>>,
): void {
  // A phone has linked meanwhile, by a QR code: the number is its own.
  if (creds.account !== undefined) return;
  Object.assign(creds, previous);
  ev.emit('creds.update', creds);
}

/** Baileys numbers its queries one after another, and tells nobody the number of the one for a code. */
function nextQueryTag(sock: WASocket): string {
  const tag = sock.generateMessageTag();
  const prefix = tag.slice(0, tag.lastIndexOf('-') + 1);
  return `${prefix}${Number(tag.slice(prefix.length)) + 1}`;
}

function subscribeToResponse(
  sock: WASocket,
  tag: string,
): Disposable & Readonly<{ result: Promise<string> }> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const onResponse = ({ attrs, content }: BinaryNode): void => {
    if (attrs['type'] !== 'error') return resolve(accepted);
    const error = Array.isArray(content) ? content.find(({ tag: child }) => child === 'error') : undefined;
    resolve(error?.attrs['code'] ?? 'unknown');
  };
  sock.ws.on(`TAG:${tag}`, onResponse);
  return { result: promise, [Symbol.dispose]: () => sock.ws.off(`TAG:${tag}`, onResponse) };
}

function refusedError(code: string): AppError {
  const cause = new Error(`Pairing code refused by WhatsApp: ${/^\d{1,4}$/.test(code) ? code : 'unknown'}`);
  if (code === tooManyRequests) {
    return new AppError('CONNECTION_FAILED', {
      text: {
        ru: 'WhatsApp пока не даёт новых кодов для этого номера: их просили слишком часто. Подождите час или отсканируйте QR-код.',
        en: 'WhatsApp has rate-limited pairing codes for this number. Try again in an hour or scan the QR code.',
      },
      cause,
    });
  }
  return new AppError('CONNECTION_FAILED', {
    text: {
      ru: 'WhatsApp не выдал код для этого номера. Проверьте, тот ли это номер WhatsApp, или отсканируйте QR-код.',
      en: "WhatsApp did not issue a code for this number. Check that it is this account's WhatsApp number, or scan the QR code.",
    },
    cause,
  });
}

type PendingRequest = Readonly<{ number: string; code: Promise<PairingCode> }>;

/**
 * The requests for codes of all companies, one at a time in each: Baileys knows only the newest code, so a request takes the
 * code of another one that is under way.
 */
export class PairingCodeRequests {
  readonly #queue = new KeyedMutex<CompanyId>();
  readonly #latest = new Map<CompanyId, PendingRequest>();

  /** Who asks for the number that was asked for last, before its code is there, gets the same code. @throws what `ask` throws */
  async run(
    companyId: CompanyId,
    number: string,
    requestCode: () => Promise<PairingCode>,
  ): Promise<PairingCode> {
    const latest = this.#latest.get(companyId);
    if (latest?.number === number) return await latest.code;
    const request = { number, code: this.#queue.run(companyId, requestCode) };
    this.#latest.set(companyId, request);
    try {
      return await request.code;
    } finally {
      if (this.#latest.get(companyId) === request) this.#latest.delete(companyId);
    }
  }
}

export type PairingCodeDeps = Readonly<{
  /** The company's session as it is now: it may be another one after a while. */
  session: () => Session;
  runExclusive: (operation: () => Promise<void>) => Promise<void>;
  /** Opens a pairing socket unless one is open. */
  startPairing: () => Promise<void>;
  /** Everyone who watches the company. */
  publishCode: (code: PairingCode) => void;
  timeouts: Pick<SessionTimeouts, 'firstQrTimeoutMs' | 'lookupTimeoutMs'>;
}>;

/** @throws AppError `CONNECTION_FAILED` when no pairing runs */
export function requirePairing({ pairing }: Pick<Session, 'pairing'>): Pairing {
  if (pairing === undefined) throw new AppError('CONNECTION_FAILED');
  return pairing;
}

/**
 * A code that links the session when it is typed on the phone, on a socket that lives long enough for that.
 * @param number E.164 with `+`
 * @throws AppError
 */
export async function obtainPairingCode(number: string, deps: PairingCodeDeps): Promise<PairingCode> {
  const { session, publishCode, timeouts } = deps;
  await deps.runExclusive(async () => {
    if (session().pairing?.hasTimeForPairingCode === false) await session().logout();
  });
  await deps.startPairing();
  const pairing = requirePairing(session());
  // A socket can ask for a code from the moment it could show a QR code.
  await pairing.waitForQr(timeouts.firstQrTimeoutMs);
  const { sock } = session();
  if (sock === undefined) throw new AppError('CONNECTION_FAILED');
  const expiresAt = pairing.pairingCodeExpiresAt;
  try {
    const code = await requestPairingCode(sock, number.slice(1), timeouts.lookupTimeoutMs);
    const pairingCode = pairing.setPairingCode({ code, phone: number, expiresAt });
    publishCode(pairingCode);
    return pairingCode;
  } catch (cause) {
    // WhatsApp may have taken the request, and knows one code alone.
    const revoked = cause instanceof PairingCodeTimeoutError ? pairing.revokePairingCode() : undefined;
    if (revoked !== undefined) publishCode(revoked);
    throw cause instanceof AppError ? cause : new AppError('CONNECTION_FAILED', { cause });
  }
}
