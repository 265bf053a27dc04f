import { LRUCache } from 'lru-cache';

const textsRemembered = 50;

type Window = { lines: number; leftOut: number; endsAtMs: number };

/** Lets the same text through a few times in each span of time, and then counts how often it was left out. */
export class LineLimiter {
  readonly #options: Readonly<{ lines: number; perMs: number; monotonicNow: () => number }>;
  readonly #windows = new LRUCache<string, Window>({ max: textsRemembered });

  constructor(options: Readonly<{ lines: number; perMs: number; monotonicNow: () => number }>) {
    this.#options = options;
  }

  /** @returns undefined when this line is to be left out, else how many of its kind were left out before it */
  admit(text: string): number | undefined {
    const { lines, perMs, monotonicNow } = this.#options;
    const nowMs = monotonicNow();
    const known = this.#windows.get(text);
    if (known === undefined || nowMs >= known.endsAtMs) {
      this.#windows.set(text, { lines: 1, leftOut: 0, endsAtMs: nowMs + perMs });
      return known?.leftOut ?? 0;
    }
    if (known.lines < lines) {
      known.lines += 1;
      return 0;
    }
    known.leftOut += 1;
    return undefined;
  }
}
