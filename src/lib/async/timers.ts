import { catchAsync } from './catch-async.ts';

/** A timer that is set for longer goes off at once. */
const maxTimeoutMs = 2 ** 31 - 1;

/** One task at a later time. Setting it again replaces it; a task whose turn comes after `clear` does not run. */
export class ReplaceableTimer {
  readonly #run: (task: () => Promise<void>) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param run how a due task is run; it may have to wait for its turn */
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

/** Runs the task again and again until it is disposed, the first time after one period. The task must not throw. */
export function disposableInterval(periodMs: number, task: () => void): Disposable {
  const timer = setInterval(task, periodMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Work that comes again and again: what it is called in the log, and how often. */
export type RecurringTask = Readonly<{ what: string; everyMs: number; run: () => Promise<unknown> }>;

/** Runs each now and then again after each span of time, until it is disposed. A failure is told and waits for the next. */
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
