/**
 * Growth of a series along its least-squares line, relative to its mean. A single outlier has little effect.
 */
export function relativeGrowth(values: readonly number[]): number {
  const mean = sum(values) / values.length;
  const middle = (values.length - 1) / 2;
  const slope =
    sum(values.map((value, n) => (n - middle) * (value - mean))) /
    sum(values.map((_, n) => (n - middle) ** 2));
  return (slope * (values.length - 1)) / mean;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
