import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { Session } from '../session/session.ts';

type Sessions = ReadonlyMap<CompanyId, Pick<Session, 'pairing' | 'sock'>>;

/** A pairing takes at most 160 s, and much less when the code is scanned. */
const retryAfterSeconds = 30;

/** Limits concurrent pairings: each has a socket, and each link generates hundreds of keys. */
export class PairingLimit {
  readonly #maxPairings: number;
  readonly #starting = new Set<CompanyId>();

  constructor(maxPairings: number) {
    this.#maxPairings = maxPairings;
  }

  /**
   * Runs `startPairing` if a slot is free or the company is already pairing. A pairing that waits for a retry has no socket
   * and occupies no slot.
   * @throws AppError `RATE_LIMIT`
   */
  async start(companyId: CompanyId, sessions: Sessions, startPairing: () => Promise<void>): Promise<void> {
    if (sessions.get(companyId)?.pairing !== undefined) return await startPairing();
    const occupied = new Set([...companiesWithSocket(sessions), ...this.#starting]);
    if (occupied.size >= this.#maxPairings) throw tooManyPairingsError();
    this.#starting.add(companyId);
    try {
      await startPairing();
    } finally {
      this.#starting.delete(companyId);
    }
  }
}

function companiesWithSocket(sessions: Sessions): readonly CompanyId[] {
  return [...sessions].flatMap(([companyId, { pairing, sock }]) => (pairing && sock ? [companyId] : []));
}

function tooManyPairingsError(): AppError {
  return new AppError('RATE_LIMIT', {
    text: {
      ru: 'Сейчас подключается слишком много салонов. Подождите полминуты.',
      en: 'Too many salons are connecting. Try again in 30 seconds.',
    },
    retryAfterSeconds,
  });
}
