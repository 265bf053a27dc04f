export type RateLimits = Readonly<{ perSecond: number; perMinute: number; retryAfterSeconds?: number }>;

/** 5 a second and 200 a minute for one address (developer.yclients.com); no `Retry-After` is documented. */
export const defaultRateLimits: RateLimits = { perSecond: 5, perMinute: 200 };

/** Counts the admitted requests of the last minute; rejected ones do not count. */
export class RateWindow {
  #admitted: number[] = [];

  admit(now: number, limits: RateLimits): boolean {
    this.#admitted = this.#admitted.filter((at) => now - at < 60_000);
    const lastSecond = this.#admitted.filter((at) => now - at < 1000).length;
    if (lastSecond >= limits.perSecond || this.#admitted.length >= limits.perMinute) return false;
    this.#admitted.push(now);
    return true;
  }
}
