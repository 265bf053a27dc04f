import { AppError } from '../../domain/errors/app-error.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import type { PairingCode, QrCode } from '../../ports/ports.ts';

/** WhatsApp gives six codes: one of 60 s, five of 20 s. */
export const firstQrLifetimeMs = 60_000;
const nextLifetimeMs = 20_000;
/** The next code comes when the time of this one is over, and takes a moment to be drawn and sent. */
const handoverMs = 1_000;
const pairingLastsMs = firstQrLifetimeMs + 5 * nextLifetimeMs;
/** A typed code has to arrive while its socket lives, and typing takes a while. */
const codeLifetimeMs = 150_000;
const leastCodeLifetimeMs = 90_000;

/** `renewed`: the code of now with another secret. */
export type QrTurn = 'first' | 'next' | 'renewed';

/** The QR codes of one pairing, which may take several sockets, and those who wait for one. */
export class Pairing {
  readonly #lifetimeMs: number | undefined;
  readonly #now: () => Date;
  #code: QrCode | undefined;
  #typedCode: PairingCode | undefined;
  #socketBeganAtMs: number | undefined;
  #failure: AppError | undefined;
  #waiting = Promise.withResolvers<void>();

  /** @param lifetimeMs of every code, when it is not WhatsApp's own */
  constructor(lifetimeMs: number | undefined, now: () => Date) {
    this.#lifetimeMs = lifetimeMs;
    this.#now = now;
  }

  /** Until when a code that is asked for now can be typed: WhatsApp closes the socket when its QR codes have run out. */
  get codeEndsAt(): Date {
    const nowMs = this.#now().getTime();
    const socketEndsAtMs = (this.#socketBeganAtMs ?? nowMs) + pairingLastsMs - handoverMs;
    return new Date(Math.min(nowMs + codeLifetimeMs, socketEndsAtMs));
  }

  /** Whether the present socket, or the one that is being opened, lasts long enough for somebody to type a code. */
  get hasTimeForCode(): boolean {
    return this.codeEndsAt.getTime() - this.#now().getTime() >= leastCodeLifetimeMs;
  }

  /** A new code replaces the one before it at once. @param turn of the code on its socket */
  issue(text: string, turn: QrTurn): QrCode {
    const kept = turn === 'renewed' ? this.#code?.expiresAt : undefined;
    const expiresAt = kept ?? this.#expiryOfNew(turn);
    this.#code = { text, sequence: (this.#code?.sequence ?? 0) + 1, expiresAt };
    this.#settle();
    return this.#code;
  }

  /** A code to type takes the place of the one before it. */
  codeAgreed(code: PairingCode): PairingCode {
    this.#typedCode = code;
    return code;
  }

  /** The code to type may not link any more. @returns it with no time left; undefined when there is none */
  takeCodeBack(): PairingCode | undefined {
    const code = this.#typedCode;
    this.#typedCode = undefined;
    return code && { ...code, expiresAt: new Date(0) };
  }

  /** The socket behind the present code is gone; another code will come. */
  withdraw(): void {
    this.#typedCode = undefined;
    this.#socketBeganAtMs = undefined;
    if (this.#code !== undefined) this.#code = { ...this.#code, expiresAt: new Date(0) };
  }

  fail(error: AppError): void {
    this.#failure = error;
    this.#settle();
  }

  /**
   * The live code, or the next one.
   * @throws AppError why the pairing ended, or `CONNECTION_FAILED` when no code came in time
   */
  async liveCode(timeoutMs: number): Promise<QrCode> {
    if (this.#failure === undefined && !isLive(this.#code, this.#now())) {
      await withTimeout(this.#waiting.promise, timeoutMs);
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (!isLive(this.#code, this.#now())) throw new AppError('CONNECTION_FAILED');
    return this.#code;
  }

  #expiryOfNew(turn: QrTurn): Date {
    const issuedAt = this.#now().getTime();
    if (turn === 'first') this.#socketBeganAtMs = issuedAt;
    const lifetimeMs = this.#lifetimeMs ?? (turn === 'first' ? firstQrLifetimeMs : nextLifetimeMs);
    return new Date(issuedAt + lifetimeMs + handoverMs);
  }

  #settle(): void {
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers();
  }
}

function isLive(code: QrCode | undefined, now: Date): code is QrCode {
  return code !== undefined && code.expiresAt > now;
}
