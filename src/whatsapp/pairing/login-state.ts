import type { AppError } from '../../domain/errors/app-error.ts';
import type { ConnectionPurpose } from '../connection/open-connection.ts';
import { Pairing } from './pairing.ts';
import { alreadyConnecting } from '../session/errors.ts';

/** How a session comes by its identity: the pairing that runs, if one does, and whether it may replace what is stored. */
export class Linking {
  readonly #newPairing: () => Pairing;
  #pairing: Pairing | undefined;
  #isFirstLogin = false;
  #mayReplaceIdentity = false;

  /** @param qrLifetimeMs of every code, when it is not WhatsApp's own */
  constructor(qrLifetimeMs: number | undefined, now: () => Date) {
    this.#newPairing = () => new Pairing(qrLifetimeMs, now);
  }

  get pairing(): Pairing | undefined {
    return this.#pairing;
  }

  /** What the next socket is for. */
  get purpose(): ConnectionPurpose {
    if (this.#pairing === undefined) return 'restore';
    return this.#mayReplaceIdentity ? 'replace' : 'pair';
  }

  begin(): void {
    this.#pairing = this.#newPairing();
  }

  /** @param reason what those are told who wait for a QR code */
  end(reason: AppError): void {
    this.#pairing?.fail(reason);
    this.#pairing = undefined;
  }

  /** The stored identity was refused or cannot be read: a pairing that somebody asks for may replace it. */
  allowReplacement(isAllowed: boolean): void {
    this.#mayReplaceIdentity = isAllowed;
  }

  /** A phone has accepted the device. */
  linked(): void {
    this.end(alreadyConnecting());
    this.#isFirstLogin = true;
  }

  /** The identity proved good. @returns whether this is its first login */
  loggedIn(): boolean {
    const isFirst = this.#isFirstLogin;
    this.#isFirstLogin = false;
    this.#mayReplaceIdentity = false;
    return isFirst;
  }
}
