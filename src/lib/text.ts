/** At most `length` UTF-16 units, never half a character: Postgres refuses those. */
export function cutText(text: string, length: number): string {
  const cut = text.toWellFormed().slice(0, length);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}
