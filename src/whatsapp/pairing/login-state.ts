import type { AppError } from '../../domain/errors/app-error.ts';
import type { ConnectionPurpose } from '../connection/open-connection.ts';
import { alreadyConnectingError } from '../session/errors.ts';
import { Pairing } from './pairing.ts';

/** How a session obtains its identity: the current pairing, and whether it may replace the stored identity. */
export class LoginState {
  readonly #createPairing: () => Pairing;
  #pairing: Pairing | undefined;
  #isFirstLogin = false;
  #mayReplaceIdentity = false;

  /** @param qrLifetimeMs of all QR codes; undefined: WhatsApp's own */
  constructor(qrLifetimeMs: number | undefined, now: () => Date) {
    this.#createPairing = () => new Pairing(qrLifetimeMs, now);
  }

  get pairing(): Pairing | undefined {
    return this.#pairing;
  }

  /** The purpose of the next socket. */
  get purpose(): ConnectionPurpose {
    if (this.#pairing === undefined) return 'restore';
    return this.#mayReplaceIdentity ? 'replace' : 'pair';
  }

  beginPairing(): void {
    this.#pairing = this.#createPairing();
  }

  /** @param reason rejects the requests that wait for a QR code */
  endPairing(reason: AppError): void {
    this.#pairing?.fail(reason);
    this.#pairing = undefined;
  }

  /** Allows the next pairing to replace a stored identity that was refused or is unreadable. */
  setReplacementAllowed(isAllowed: boolean): void {
    this.#mayReplaceIdentity = isAllowed;
  }

  /** A phone has linked the device. */
  markLinked(): void {
    this.endPairing(alreadyConnectingError());
    this.#isFirstLogin = true;
  }

  /** WhatsApp accepted the identity. @returns whether this is its first login */
  completeLogin(): boolean {
    const isFirstLogin = this.#isFirstLogin;
    this.#isFirstLogin = false;
    this.#mayReplaceIdentity = false;
    return isFirstLogin;
  }
}
