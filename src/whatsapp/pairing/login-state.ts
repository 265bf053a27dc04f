import type { AppError } from '../../domain/errors/app-error.ts';
import type { ConnectionPurpose } from '../connection/open-connection.ts';
import { Pairing } from './pairing.ts';
import { alreadyConnecting } from '../session/errors.ts';

/** How a session comes by its identity: the pairing that runs, if one does, and whether it may replace what is stored. */
export class LoginState {
  readonly #createPairing: () => Pairing;
  #pairing: Pairing | undefined;
  #isFirstLogin = false;
  #mayReplaceIdentity = false;

  /** @param qrLifetimeMs of every code, when it is not WhatsApp's own */
  constructor(qrLifetimeMs: number | undefined, now: () => Date) {
    this.#createPairing = () => new Pairing(qrLifetimeMs, now);
  }

  get pairing(): Pairing | undefined {
    return this.#pairing;
  }

  /** What the next socket is for. */
  get purpose(): ConnectionPurpose {
    if (this.#pairing === undefined) return 'restore';
    return this.#mayReplaceIdentity ? 'replace' : 'pair';
  }

  beginPairing(): void {
    this.#pairing = this.#createPairing();
  }

  /** @param reason what those are told who wait for a QR code */
  endPairing(reason: AppError): void {
    this.#pairing?.fail(reason);
    this.#pairing = undefined;
  }

  /** The stored identity was refused or cannot be read: a pairing that somebody asks for may replace it. */
  setReplacementAllowed(isAllowed: boolean): void {
    this.#mayReplaceIdentity = isAllowed;
  }

  /** A phone has accepted the device. */
  markLinked(): void {
    this.endPairing(alreadyConnecting());
    this.#isFirstLogin = true;
  }

  /** The identity proved good. @returns whether this is its first login */
  completeLogin(): boolean {
    const isFirstLogin = this.#isFirstLogin;
    this.#isFirstLogin = false;
    this.#mayReplaceIdentity = false;
    return isFirstLogin;
  }
}
