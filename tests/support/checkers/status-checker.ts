/** What the server says at the end of a message that it was given. */
export type Told = Readonly<{ text: string; status: string }>;

const arrivedStatuses: ReadonlySet<string> = new Set(['delivered', 'read', 'played']);
const lostStatuses: ReadonlySet<string> = new Set(['failed', 'expired']);

/**
 * Compares what the server says of its messages with what the phones show.
 * @param shown the texts of all inboxes, one for each time it is shown
 * @returns a sentence for each message that was said twice, whose status is false, or not final
 */
export function falseStatuses(told: readonly Told[], shown: readonly string[]): string[] {
  const times = new Map<string, number>();
  for (const text of shown) times.set(text, (times.get(text) ?? 0) + 1);
  return told.flatMap(({ text, status }) => {
    const shows = times.get(text) ?? 0;
    if (shows > 1) return [`${text} was shown ${shows} times`];
    if (status === 'unknown') return [];
    if (arrivedStatuses.has(status)) return shows === 1 ? [] : [`${text} is ${status} and nobody has it`];
    if (lostStatuses.has(status)) return shows === 0 ? [] : [`${text} is ${status}, and was shown`];
    return [`${text} is still ${status}`];
  });
}
