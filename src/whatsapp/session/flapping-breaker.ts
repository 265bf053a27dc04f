export type FlappingLimits = Readonly<{
  /** So many closes within the time are flapping. */
  threshold: number;
  windowMs: number;
  /** The shortest rest; the longest is twice that. */
  cooldownMs: number;
}>;

/** Notices a session whose sockets open and close again and again, which a back-off alone hardly slows down. */
export class FlappingBreaker {
  readonly #limits: FlappingLimits;
  readonly #random: () => number;
  #closedAtMs: number[] = [];
  #hasAlerted = false;

  constructor(limits: FlappingLimits, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /**
   * A socket closed that did not hold.
   * @returns how long to leave the session alone, and whether nobody has been told yet; undefined while it is not flapping
   */
  recordClose(nowMs: number): Readonly<{ cooldownMs: number; shouldAlert: boolean }> | undefined {
    const { threshold, windowMs, cooldownMs } = this.#limits;
    this.#closedAtMs = [...this.#closedAtMs.filter((atMs) => nowMs - atMs < windowMs), nowMs];
    if (this.#closedAtMs.length < threshold) return undefined;
    this.#closedAtMs = [];
    const shouldAlert = !this.#hasAlerted;
    this.#hasAlerted = true;
    return { cooldownMs: cooldownMs * (1 + this.#random()), shouldAlert };
  }

  /** A socket held. */
  reset(): void {
    this.#closedAtMs = [];
    this.#hasAlerted = false;
  }
}
