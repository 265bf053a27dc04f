import { every } from './every.ts';
import { guarded } from './catch-async.ts';

/** Work that comes again and again: what it is called in the log, and how often. */
export type Recurring = Readonly<{ what: string; everyMs: number; run: () => Promise<unknown> }>;

/** Runs each now and then again after each span of time, until it is disposed. A failure is told and waits for the next. */
export function scheduled(
  work: readonly Recurring[],
  failed: (what: string, error: unknown) => void,
): DisposableStack {
  const stack = new DisposableStack();
  for (const { what, everyMs, run } of work) {
    const once = guarded(
      (error) => failed(what, error),
      async () => {
        await run();
      },
    );
    once();
    stack.use(every(everyMs, once));
  }
  return stack;
}
