/** The middle of the values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The value that `percent` of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? NaN;
}

/** Where the median of such values lies 19 times out of 20, by drawing from them again and again. */
export function medianInterval(
  values: readonly number[],
  random: () => number,
  draws = 2_000,
): readonly [number, number] {
  const medians = Array.from({ length: draws }, () =>
    median(values.map(() => values[Math.floor(random() * values.length)] ?? NaN)),
  ).toSorted((a, b) => a - b);
  return [medians[Math.floor(draws * 0.025)] ?? NaN, medians[Math.floor(draws * 0.975)] ?? NaN];
}
