import { AppError } from '../../domain/errors/app-error.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import type { PairingCode, QrCode } from '../../ports/sessions.ts';

/** WhatsApp gives six codes: one of 60 s, five of 20 s. */
export const firstQrLifetimeMs = 60_000;
const nextQrLifetimeMs = 20_000;
/** The next code comes when the time of this one is over, and takes a moment to be drawn and sent. */
const qrGraceMs = 1_000;
const pairingLifetimeMs = firstQrLifetimeMs + 5 * nextQrLifetimeMs;
/** A typed code has to arrive while its socket lives, and typing takes a while. */
const maxPairingCodeLifetimeMs = 150_000;
const minPairingCodeLifetimeMs = 90_000;

/** `renewed`: the code of now with another secret. */
export type QrKind = 'first' | 'next' | 'renewed';

/** The QR codes of one pairing, which may take several sockets, and those who wait for one. */
export class Pairing {
  readonly #qrLifetimeMs: number | undefined;
  readonly #now: () => Date;
  #qr: QrCode | undefined;
  #pairingCode: PairingCode | undefined;
  #socketStartedAtMs: number | undefined;
  #failure: AppError | undefined;
  #nextResult = Promise.withResolvers<void>();

  /** @param qrLifetimeMs of every code, when it is not WhatsApp's own */
  constructor(qrLifetimeMs: number | undefined, now: () => Date) {
    this.#qrLifetimeMs = qrLifetimeMs;
    this.#now = now;
  }

  /** Until when a code that is asked for now can be typed: WhatsApp closes the socket when its QR codes have run out. */
  get pairingCodeExpiresAt(): Date {
    const nowMs = this.#now().getTime();
    const socketExpiresAtMs = (this.#socketStartedAtMs ?? nowMs) + pairingLifetimeMs - qrGraceMs;
    return new Date(Math.min(nowMs + maxPairingCodeLifetimeMs, socketExpiresAtMs));
  }

  /** Whether the present socket, or the one that is being opened, lasts long enough for somebody to type a code. */
  get hasTimeForPairingCode(): boolean {
    return this.pairingCodeExpiresAt.getTime() - this.#now().getTime() >= minPairingCodeLifetimeMs;
  }

  /** A new code replaces the one before it at once. @param kind of the code on its socket */
  issueQr(text: string, kind: QrKind): QrCode {
    const currentExpiresAt = kind === 'renewed' ? this.#qr?.expiresAt : undefined;
    const expiresAt = currentExpiresAt ?? this.#newQrExpiresAt(kind);
    this.#qr = { text, sequence: (this.#qr?.sequence ?? 0) + 1, expiresAt };
    this.#wakeWaiters();
    return this.#qr;
  }

  /** A code to type takes the place of the one before it. */
  setPairingCode(code: PairingCode): PairingCode {
    this.#pairingCode = code;
    return code;
  }

  /** The code to type may not link any more. @returns it with no time left; undefined when there is none */
  revokePairingCode(): PairingCode | undefined {
    const code = this.#pairingCode;
    this.#pairingCode = undefined;
    return code && { ...code, expiresAt: new Date(0) };
  }

  /** The socket behind the present code is gone; another code will come. */
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
   * The live code, or the next one.
   * @throws AppError why the pairing ended, or `CONNECTION_FAILED` when no code came in time
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

function isLive(code: QrCode | undefined, now: Date): code is QrCode {
  return code !== undefined && code.expiresAt > now;
}
