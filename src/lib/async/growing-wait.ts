/** As long as it has gone on so far, within bounds, and up to half of it less by chance. @param random uniform in [0, 1) */
export function elapsedBackoff(
  elapsedMs: number,
  { minMs, maxMs }: Readonly<{ minMs: number; maxMs: number }>,
  random: () => number,
): number {
  const delayMs = Math.min(maxMs, Math.max(minMs, elapsedMs));
  return Math.round(delayMs * (0.5 + random() / 2));
}
