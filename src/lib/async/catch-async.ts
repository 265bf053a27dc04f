/** Wraps an async handler for emitters, sockets and timers: errors and rejections go to `onError`. */
export function catchAsync<Args extends unknown[]>(
  onError: (error: unknown) => void,
  handler: (...args: Args) => unknown,
): (...args: Args) => void {
  return (...args) => {
    // oxlint-disable-next-line promise/prefer-await-to-then -- the caller is synchronous by nature
    void (async () => handler(...args))().catch(onError);
  };
}
