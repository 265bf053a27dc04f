/** Runs the task again and again until it is disposed, the first time after one period. The task must not throw. */
export function disposableInterval(periodMs: number, task: () => void): Disposable {
  const timer = setInterval(task, periodMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
