import { FixedWindow } from './fixed-window.ts';
import { socketLimits } from './limits.ts';

/** Fixed-window rate limit of one socket's events: 20 in ten seconds are allowed, more than 100 are a flood. */
export class SocketRateLimit {
  readonly #window: FixedWindow;

  constructor(monotonicMs: () => number) {
    this.#window = new FixedWindow(socketLimits.events.windowMs, monotonicMs);
  }

  consume(): 'allowed' | 'refused' | 'flood' {
    const count = this.#window.increment();
    if (count > socketLimits.events.maxBeforeDisconnect) return 'flood';
    return count > socketLimits.events.max ? 'refused' : 'allowed';
  }

  /** Time until the window ends. */
  get retryAfterSeconds(): number {
    return Math.max(1, Math.ceil(this.#window.remainingMs / 1000));
  }
}
