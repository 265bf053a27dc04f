/**
 * Makes an async handler fit for emitters, sockets and timers: whatever it throws, at once or later, goes to `report`
 * and never becomes an unhandled rejection.
 */
export function catchAsync<Args extends unknown[]>(
  report: (error: unknown) => void,
  handler: (...args: Args) => unknown,
): (...args: Args) => void {
  return (...args) => {
    // oxlint-disable-next-line promise/prefer-await-to-then -- the caller is synchronous by nature
    void (async () => handler(...args))().catch(report);
  };
}
