/** As long as it has gone on so far, within bounds, and up to half of it less by chance. @param random uniform in [0, 1) */
export function growingWaitMs(
  passedMs: number,
  { shortestMs, longestMs }: Readonly<{ shortestMs: number; longestMs: number }>,
  random: () => number,
): number {
  const waitMs = Math.min(longestMs, Math.max(shortestMs, passedMs));
  return Math.round(waitMs * (0.5 + random() / 2));
}
