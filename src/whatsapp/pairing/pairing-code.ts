import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { KeyedMutex } from '../../lib/async/keyed-mutex.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import type { PairingCode } from '../../ports/sessions.ts';
import type { Session } from '../session/session.ts';
import type { SessionTimeouts } from '../timeouts.ts';
import { requirePairing } from './pairing.ts';

/** Result of a pairing code request: this, or WhatsApp's error code. */
const accepted = 'accepted';
const tooManyRequests = '429';

/** WhatsApp did not respond: it may or may not have accepted the code. */
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

export type PairingCodeDeps = Readonly<{
  /** The company's current session; eviction may replace it between two calls. */
  session: () => Session;
  runExclusive: (operation: () => Promise<void>) => Promise<void>;
  /** Opens a pairing socket unless one is open. */
  startPairing: () => Promise<void>;
  /** Notifies all clients that watch the company. */
  publishCode: (code: PairingCode) => void;
  timeouts: Pick<SessionTimeouts, 'firstQrTimeoutMs' | 'lookupTimeoutMs'>;
}>;

/**
 * Requests a pairing code, on a new socket if the current one closes too soon for the code to be typed.
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
  // A socket accepts the request only after its first QR code.
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
    // After a timeout WhatsApp may have replaced the previous code: that one may no longer link.
    const revoked = cause instanceof PairingCodeTimeoutError ? pairing.revokePairingCode() : undefined;
    if (revoked !== undefined) publishCode(revoked);
    throw cause instanceof AppError ? cause : new AppError('CONNECTION_FAILED', { cause });
  }
}

type PendingRequest = Readonly<{ number: string; code: Promise<PairingCode> }>;

/**
 * Serialises the requests of each company, since WhatsApp accepts only the newest code. Concurrent requests for the same
 * number share one code.
 */
export class PairingCodeRequests {
  readonly #queue = new KeyedMutex<CompanyId>();
  readonly #latest = new Map<CompanyId, PendingRequest>();

  /** Joins a pending request for the same number, if it is the company's latest. @throws what `requestCode` throws */
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

/**
 * Requests a code that the owner types on the phone. Baileys generates it and returns before WhatsApp has accepted it, so this
 * waits for the response. After a refusal the previous code still links. At most one request at a time per socket.
 * @param number digits only
 * @param timeoutMs how long WhatsApp may take to respond
 * @throws PairingCodeTimeoutError, or AppError `CONNECTION_FAILED` with advice for the owner
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
  if (result !== accepted) throw pairingCodeRefusedError(result);
  return code;
}

/** Baileys decrypts the phone's reply with its latest code and number, even if WhatsApp refused them. */
function restoreCreds(
  { authState: { creds }, ev }: WASocket,
  previous: Readonly<Record<'pairingCode' | 'me', unknown>>,
): void {
  // A phone has linked by QR code meanwhile: `me` is its number.
  if (creds.account !== undefined) return;
  Object.assign(creds, previous);
  ev.emit('creds.update', creds);
}

/** Baileys does not return the tag of its query. Tags are consecutive, so the next one is predictable. */
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

function pairingCodeRefusedError(code: string): AppError {
  const cause = new Error(`Pairing code refused by WhatsApp: ${/^\d{1,4}$/.test(code) ? code : 'unknown'}`);
  if (code === tooManyRequests) {
    return new AppError('CONNECTION_FAILED', {
      text: {
        ru: 'WhatsApp пока не даёт новых кодов для этого номера: их запрашивали слишком часто. Подождите час или отсканируйте QR-код.',
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
