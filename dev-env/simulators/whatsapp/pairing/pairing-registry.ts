import { PairingError } from './qr-code.ts';
import type { QrContent } from './qr-code.ts';
import type { RegistrationSession } from './registration-session.ts';

/** Finds the client that shows a QR code or a pairing code. */
export class PairingRegistry {
  readonly #sessions = new Set<RegistrationSession>();

  add(session: RegistrationSession): void {
    this.#sessions.add(session);
  }

  remove(session: RegistrationSession): void {
    this.#sessions.delete(session);
    session.handleClose();
  }

  /** @throws PairingError if the code is unknown, expired, or not of the client that received the ref */
  find(qr: QrContent): RegistrationSession {
    const session = [...this.#sessions].find(({ refs }) => refs.includes(qr.ref));
    if (session === undefined) throw new PairingError('Unknown or expired QR code');
    if (session.isExpired(qr.ref)) throw new PairingError('This QR code has expired');
    if (!session.noiseKey.equals(qr.noiseKey) || !session.keys.identityKey.equals(qr.identityKey)) {
      throw new PairingError('The keys in the QR code are not those of the device that shows it');
    }
    if (session.isRetired(qr.advSecret)) throw new PairingError('The secret in the QR code is retired');
    return session;
  }

  /** The client that last showed a pairing code for this number, if the code is still valid. */
  findByNumber(number: string): RegistrationSession | undefined {
    return [...this.#sessions].findLast(({ code }) => code.isWaitingFor(number));
  }
}
