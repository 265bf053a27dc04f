/** Wraps an async handler for emitters, sockets and timers: errors and rejections go to `report`. */
export function catchAsync<Args extends unknown[]>(
  report: (error: unknown) => void,
  handler: (...args: Args) => unknown,
): (...args: Args) => void {
  return (...args) => {
    // oxlint-disable-next-line promise/prefer-await-to-then -- the caller is synchronous by nature
    void (async () => handler(...args))().catch(report);
  };
}
