/** At most `length` UTF-16 units, never half a character: Postgres refuses those. */
export function truncate(text: string, maxLength: number): string {
  const truncated = text.toWellFormed().slice(0, maxLength);
  return truncated.isWellFormed() ? truncated : truncated.slice(0, -1);
}
