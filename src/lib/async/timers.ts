import { catchAsync } from './catch-async.ts';

/** Node fires a timer with a longer delay immediately. */
const maxTimeoutMs = 2 ** 31 - 1;

/** A timer for one task. `set` replaces the pending task; a task that is due but not started does not run after `clear`. */
export class ReplaceableTimer {
  readonly #run: (task: () => Promise<void>) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param run starts a due task, possibly later */
  constructor(run: (task: () => Promise<void>) => void) {
    this.#run = run;
  }

  set(delayMs: number, task: () => Promise<void>): void {
    this.clear();
    const stepMs = Math.min(delayMs, maxTimeoutMs);
    const timer = setTimeout(() => {
      if (stepMs < delayMs) return this.set(delayMs - stepMs, task);
      this.#run(async () => {
        if (this.#timer === timer) await task();
      });
    }, stepMs);
    this.#timer = timer;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** `setInterval` as a Disposable. The task must not throw. */
export function disposableInterval(periodMs: number, task: () => void): Disposable {
  const timer = setInterval(task, periodMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** A recurring task; `what` names it in the log. */
export type RecurringTask = Readonly<{ what: string; everyMs: number; run: () => Promise<unknown> }>;

/** Runs each task now and then at its interval, until disposed. A failed run is reported and not retried before the next. */
export function startSchedule(
  tasks: readonly RecurringTask[],
  onError: (what: string, error: unknown) => void,
): DisposableStack {
  const stack = new DisposableStack();
  for (const { what, everyMs, run } of tasks) {
    const runOnce = catchAsync(
      (error) => onError(what, error),
      async () => {
        await run();
      },
    );
    runOnce();
    stack.use(disposableInterval(everyMs, runOnce));
  }
  return stack;
}
