import { disposableInterval } from './every.ts';
import { catchAsync } from './catch-async.ts';

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
