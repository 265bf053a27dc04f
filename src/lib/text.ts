/** Truncates to `maxLength` UTF-16 units without splitting a surrogate pair, which Postgres rejects. */
export function truncate(text: string, maxLength: number): string {
  const truncated = text.toWellFormed().slice(0, maxLength);
  return truncated.isWellFormed() ? truncated : truncated.slice(0, -1);
}

/** Whole seconds until `moment`, rounded down; 0 if it has passed. */
export function secondsLeft(moment: Date, now: Date): number {
  return Math.max(0, Math.floor((moment.getTime() - now.getTime()) / 1000));
}
