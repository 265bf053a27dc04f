import { LRUCache } from 'lru-cache';

const maxTexts = 50;

type Window = { lines: number; suppressedCount: number; endsAtMs: number };

/** Lets the same text through a few times in each span of time, and then counts how often it was left out. */
export class LogRateLimiter {
  readonly #options: Readonly<{ maxLines: number; windowMs: number; monotonicMs: () => number }>;
  readonly #windows = new LRUCache<string, Window>({ max: maxTexts });

  constructor(options: Readonly<{ maxLines: number; windowMs: number; monotonicMs: () => number }>) {
    this.#options = options;
  }

  /** @returns undefined when this line is to be left out, else how many of its kind were left out before it */
  admit(text: string): number | undefined {
    const { maxLines, windowMs, monotonicMs } = this.#options;
    const nowMs = monotonicMs();
    const window = this.#windows.get(text);
    if (window === undefined || nowMs >= window.endsAtMs) {
      this.#windows.set(text, { lines: 1, suppressedCount: 0, endsAtMs: nowMs + windowMs });
      return window?.suppressedCount ?? 0;
    }
    if (window.lines < maxLines) {
      window.lines += 1;
      return 0;
    }
    window.suppressedCount += 1;
    return undefined;
  }
}
