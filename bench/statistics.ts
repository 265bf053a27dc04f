/** Median. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Percentile, without interpolation. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? NaN;
}

/** 95 % confidence interval of the median, by bootstrap. */
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
