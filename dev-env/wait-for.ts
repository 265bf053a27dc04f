import { setTimeout as delay } from 'node:timers/promises';

const pollIntervalMs = 20;

/**
 * Polls `condition` until it returns something other than `undefined`, `null` or `false`.
 * @throws Error with `name` at the timeout, or the condition's own error at once
 */
export async function waitFor<T>(
  name: string,
  condition: () => T | Promise<T>,
  timeoutMs = 5000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false) return value;
    if (performance.now() >= deadline) throw new Error(`Timed out after ${timeoutMs} ms waiting for ${name}`);
    await delay(pollIntervalMs);
  }
}
