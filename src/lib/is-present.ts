/** Narrows a value whose type its place vouches for: all that is left to check is that there is one. */
export function isPresent<Value>(value: unknown): value is NonNullable<Value> {
  return value !== null && value !== undefined;
}
