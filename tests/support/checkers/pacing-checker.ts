import { limits, type Sent, toleranceMs } from './pacing-model.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A sentence for every exceeded limit. */
export function findLimitViolations(sent: readonly Sent[]): string[] {
  return [
    ...windowViolations(sent),
    ...gapViolations(sent),
    ...firstContactViolations(sent),
    ...quietHoursViolations(sent),
    ...sent.filter(({ expired }) => expired).map(() => 'an expired message'),
    ...sent.filter(({ optedOut }) => optedOut).map(() => 'a message after STOP'),
  ];
}

function windowViolations(sent: readonly Sent[]): string[] {
  const windows = [
    [limits.perMinute, minuteMs],
    [limits.perHour, hourMs],
    [limits.perDay, dayMs],
  ] as const;
  return windows.flatMap(([limit, windowMs]) =>
    sent.flatMap((last) => {
      const count = sent.filter((one) => isInWindow(one, last, windowMs)).length;
      const allowed = effectiveLimit(limit, last);
      return count > allowed ? [`${count} of ${allowed} in ${windowMs} ms`] : [];
    }),
  );
}

function gapViolations(sent: readonly Sent[]): string[] {
  return sent.flatMap(({ atMs }, index) => {
    const before = sent[index - 1];
    if (before === undefined) return [];
    const passedMs = atMs - before.atMs;
    // Where the ramp is steep, one tick of the clock changes the limit noticeably.
    const isShort = passedMs < before.gapMs - toleranceMs - before.gapMs / 20;
    return isShort ? [`${passedMs} ms instead of ${before.gapMs} ms`] : [];
  });
}

function firstContactViolations(sent: readonly Sent[]): string[] {
  const firstContacts = sent.filter(({ isFirstContact }) => isFirstContact);
  const held = sent.filter((one) => one.heldByRestriction).map(() => 'a new chat during a restriction');
  const tooMany = firstContacts.flatMap((last) => {
    const count = firstContacts.filter((one) => isInWindow(one, last, dayMs)).length;
    const allowed = effectiveLimit(last.firstContacts, last);
    return count > allowed ? [`${count} of ${allowed} first contacts in a day`] : [];
  });
  return [...held, ...tooMany];
}

function quietHoursViolations(sent: readonly Sent[]): string[] {
  return sent
    .filter(({ inQuietHours, message }) => inQuietHours && !message.urgent)
    .map(() => 'a message during quiet hours');
}

function isInWindow(one: Sent, last: Sent, windowMs: number): boolean {
  return one.atMs <= last.atMs && one.atMs > last.atMs - windowMs + toleranceMs;
}

function effectiveLimit(limit: number, { halved }: Sent): number {
  return halved ? Math.max(Math.floor(limit / 2), 1) : limit;
}

/**
 * Messages of one client that overtook an older one. Replies may overtake messages held during quiet hours; an interrupted
 * message may be resent first.
 */
export function findReorderings(sent: readonly Sent[]): string[] {
  const wasFirstSentInQuietHours = (wanted: Sent['message']): boolean =>
    sent.find((one) => one.message === wanted)?.inQuietHours === true;
  return sent.flatMap((later, index) =>
    sent
      .slice(0, index)
      .filter(({ message }) => message.phone === later.message.phone && message.order > later.message.order)
      .filter(
        ({ message }) => !(message.urgent && !later.message.urgent && wasFirstSentInQuietHours(message)),
      )
      .map(({ message }) => `${message.text} before ${later.message.text}`),
  );
}
