import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { Session } from '../session/session.ts';

type Sessions = ReadonlyMap<CompanyId, Pick<Session, 'pairing' | 'sock'>>;

/** A pairing lasts 160 s at most when nobody scans, and much less when somebody does. */
const retryAfterSeconds = 30;

/** How many companies may be linking at once: each has a socket, and each link makes hundreds of keys. */
export class PairingLimit {
  readonly #maxPairings: number;
  readonly #starting = new Set<CompanyId>();

  constructor(maxPairings: number) {
    this.#maxPairings = maxPairings;
  }

  /**
   * A pairing that waits to try again, as after a refused client version, has no socket and takes no place; who asks for its
   * code joins it.
   * @throws AppError `RATE_LIMIT`
   */
  async start(companyId: CompanyId, sessions: Sessions, startPairing: () => Promise<void>): Promise<void> {
    if (sessions.get(companyId)?.pairing !== undefined) return await startPairing();
    const occupied = new Set([...companiesWithSocket(sessions), ...this.#starting]);
    if (occupied.size >= this.#maxPairings) throw tooManyPairings();
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

function tooManyPairings(): AppError {
  return new AppError('RATE_LIMIT', {
    text: {
      ru: 'Сейчас подключается слишком много салонов. Подождите полминуты.',
      en: 'Too many salons are connecting. Try again in 30 seconds.',
    },
    retryAfterSeconds,
  });
}
