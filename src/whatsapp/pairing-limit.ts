import { AppError } from '../domain/errors.ts';
import type { CompanyId } from '../domain/ids.ts';

/** A pairing lasts 160 s at most when nobody scans, and much less when somebody does. */
const retryAfterSeconds = 30;

/** How many companies may be linking at once: each has a socket, and each link makes hundreds of keys. */
export class PairingLimit {
  readonly #most: number;
  readonly #beginning = new Set<CompanyId>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @param running companies whose pairing runs @throws AppError `RATE_LIMIT` */
  async begin(
    companyId: CompanyId,
    running: readonly CompanyId[],
    begin: () => Promise<void>,
  ): Promise<void> {
    const linking = new Set([...running, ...this.#beginning]);
    if (!linking.has(companyId) && linking.size >= this.#most) throw tooMany();
    this.#beginning.add(companyId);
    try {
      await begin();
    } finally {
      this.#beginning.delete(companyId);
    }
  }
}

function tooMany(): AppError {
  return new AppError('RATE_LIMIT', {
    text: {
      ru: 'Сейчас подключается слишком много салонов. Подождите полминуты.',
      en: 'Too many salons are connecting at the moment. Wait half a minute.',
    },
    retryAfterSeconds,
  });
}
