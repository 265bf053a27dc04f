import { AppError } from '../../domain/errors/app-error.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import type { PairingCode, QrCode } from '../../ports/sessions.ts';

/** WhatsApp issues six QR codes per socket: one valid for 60 s, five for 20 s. */
export const firstQrLifetimeMs = 60_000;
const nextQrLifetimeMs = 20_000;
/** The next code arrives when this one expires, and takes a moment to render and send. */
const qrGraceMs = 1_000;
const pairingLifetimeMs = firstQrLifetimeMs + 5 * nextQrLifetimeMs;
/** A pairing code is valid only on its socket; the minimum is the time to type it. */
const maxPairingCodeLifetimeMs = 150_000;
const minPairingCodeLifetimeMs = 90_000;

/** `first` and `next` code of a socket; `renewed`: the current code with a new ADV secret. */
export type QrKind = 'first' | 'next' | 'renewed';

/** The codes of one pairing, which may span several sockets, and the requests that wait for them. */
export class Pairing {
  readonly #qrLifetimeMs: number | undefined;
  readonly #now: () => Date;
  #qr: QrCode | undefined;
  #pairingCode: PairingCode | undefined;
  #socketStartedAtMs: number | undefined;
  #failure: AppError | undefined;
  #nextResult = Promise.withResolvers<void>();

  /** @param qrLifetimeMs of all QR codes; undefined: WhatsApp's own */
  constructor(qrLifetimeMs: number | undefined, now: () => Date) {
    this.#qrLifetimeMs = qrLifetimeMs;
    this.#now = now;
  }

  /** Expiry of a pairing code requested now: WhatsApp closes the socket after its last QR code. */
  get pairingCodeExpiresAt(): Date {
    const nowMs = this.#now().getTime();
    const socketExpiresAtMs = (this.#socketStartedAtMs ?? nowMs) + pairingLifetimeMs - qrGraceMs;
    return new Date(Math.min(nowMs + maxPairingCodeLifetimeMs, socketExpiresAtMs));
  }

  /** Whether the current or opening socket lasts long enough to type a pairing code. */
  get hasTimeForPairingCode(): boolean {
    return this.pairingCodeExpiresAt.getTime() - this.#now().getTime() >= minPairingCodeLifetimeMs;
  }

  /** Replaces the current QR code and wakes the requests that wait for one. */
  issueQr(text: string, kind: QrKind): QrCode {
    const currentExpiresAt = kind === 'renewed' ? this.#qr?.expiresAt : undefined;
    const expiresAt = currentExpiresAt ?? this.#newQrExpiresAt(kind);
    this.#qr = { text, sequence: (this.#qr?.sequence ?? 0) + 1, expiresAt };
    this.#wakeWaiters();
    return this.#qr;
  }

  setPairingCode(code: PairingCode): PairingCode {
    this.#pairingCode = code;
    return code;
  }

  /** @returns the pairing code as expired; undefined when there is none */
  revokePairingCode(): PairingCode | undefined {
    const code = this.#pairingCode;
    this.#pairingCode = undefined;
    return code && { ...code, expiresAt: new Date(0) };
  }

  /** The socket of the current codes has closed. The pairing continues on a new one. */
  invalidateCodes(): void {
    this.#pairingCode = undefined;
    this.#socketStartedAtMs = undefined;
    if (this.#qr !== undefined) this.#qr = { ...this.#qr, expiresAt: new Date(0) };
  }

  fail(error: AppError): void {
    this.#failure = error;
    this.#wakeWaiters();
  }

  /**
   * The current QR code if it has not expired, otherwise the next one.
   * @throws AppError the reason the pairing ended, or `CONNECTION_FAILED` after the timeout
   */
  async waitForQr(timeoutMs: number): Promise<QrCode> {
    if (this.#failure === undefined && !isLive(this.#qr, this.#now())) {
      await withTimeout(this.#nextResult.promise, timeoutMs);
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (!isLive(this.#qr, this.#now())) throw new AppError('CONNECTION_FAILED');
    return this.#qr;
  }

  #newQrExpiresAt(kind: QrKind): Date {
    const issuedAtMs = this.#now().getTime();
    if (kind === 'first') this.#socketStartedAtMs = issuedAtMs;
    const lifetimeMs = this.#qrLifetimeMs ?? (kind === 'first' ? firstQrLifetimeMs : nextQrLifetimeMs);
    return new Date(issuedAtMs + lifetimeMs + qrGraceMs);
  }

  #wakeWaiters(): void {
    this.#nextResult.resolve();
    this.#nextResult = Promise.withResolvers();
  }
}

/** @throws AppError `CONNECTION_FAILED` when no pairing runs */
export function requirePairing({ pairing }: Readonly<{ pairing: Pairing | undefined }>): Pairing {
  if (pairing === undefined) throw new AppError('CONNECTION_FAILED');
  return pairing;
}

function isLive(code: QrCode | undefined, now: Date): code is QrCode {
  return code !== undefined && code.expiresAt > now;
}
