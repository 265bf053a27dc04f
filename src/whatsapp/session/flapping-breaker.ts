export type FlappingLimits = Readonly<{
  /** So many closes within the time are flapping. */
  closes: number;
  withinMs: number;
  /** The shortest rest; the longest is twice that. */
  restMs: number;
}>;

/** Notices a session whose sockets open and close again and again, which a back-off alone hardly slows down. */
export class FlappingBreaker {
  readonly #limits: FlappingLimits;
  readonly #random: () => number;
  #closedAtMs: number[] = [];
  #isTold = false;

  constructor(limits: FlappingLimits, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /**
   * A socket closed that did not hold.
   * @returns how long to leave the session alone, and whether nobody has been told yet; undefined while it is not flapping
   */
  closed(nowMs: number): Readonly<{ restMs: number; isNews: boolean }> | undefined {
    const { closes, withinMs, restMs } = this.#limits;
    this.#closedAtMs = [...this.#closedAtMs.filter((atMs) => nowMs - atMs < withinMs), nowMs];
    if (this.#closedAtMs.length < closes) return undefined;
    this.#closedAtMs = [];
    const isNews = !this.#isTold;
    this.#isTold = true;
    return { restMs: restMs * (1 + this.#random()), isNews };
  }

  /** A socket held. */
  reset(): void {
    this.#closedAtMs = [];
    this.#isTold = false;
  }
}
