/**
 * How much a series grows from its first to its last value along the line that fits it best, as a share of its mean: a single
 * value out of line says little.
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
