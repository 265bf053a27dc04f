/** Final status of a message by the API. */
export type ReportedStatus = Readonly<{ text: string; status: string }>;

const deliveredStatuses: ReadonlySet<string> = new Set(['delivered', 'read', 'played']);
const failedStatuses: ReadonlySet<string> = new Set(['failed', 'expired']);

/**
 * Compares the final statuses of messages with the inboxes of the phones.
 * @param shown the texts of all inboxes, one for each time it is shown
 * @returns a sentence for each message that was shown twice or whose status is wrong or not final
 */
export function findStatusViolations(
  reported: readonly ReportedStatus[],
  shown: readonly string[],
): string[] {
  const displayCounts = new Map<string, number>();
  for (const text of shown) displayCounts.set(text, (displayCounts.get(text) ?? 0) + 1);
  return reported.flatMap(({ text, status }) => {
    const displayCount = displayCounts.get(text) ?? 0;
    if (displayCount > 1) return [`${text} was shown ${displayCount} times`];
    if (status === 'unknown') return [];
    if (deliveredStatuses.has(status))
      return displayCount === 1 ? [] : [`${text} is ${status} but not shown by any phone`];
    if (failedStatuses.has(status)) return displayCount === 0 ? [] : [`${text} is ${status}, and was shown`];
    return [`${text} is still ${status}`];
  });
}
