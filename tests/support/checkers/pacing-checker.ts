import { limits, type Sent, toleranceMs } from './pacing-model.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Every limit that was exceeded, in words. */
export function exceededBy(sent: readonly Sent[]): string[] {
  return [
    ...exceededWindows(sent),
    ...shortGaps(sent),
    ...exceededFirstContacts(sent),
    ...wokenAtNight(sent),
    ...sent.filter(({ late }) => late).map(() => 'a message past its use'),
    ...sent.filter(({ unwanted }) => unwanted).map(() => 'a message after STOP'),
  ];
}

function exceededWindows(sent: readonly Sent[]): string[] {
  const windows = [
    [limits.perMinute, minuteMs],
    [limits.perHour, hourMs],
    [limits.perDay, dayMs],
  ] as const;
  return windows.flatMap(([limit, windowMs]) =>
    sent.flatMap((last) => {
      const count = sent.filter((one) => isWithin(one, last, windowMs)).length;
      const allowed = shareOf(limit, last);
      return count > allowed ? [`${count} of ${allowed} in ${windowMs} ms`] : [];
    }),
  );
}

function shortGaps(sent: readonly Sent[]): string[] {
  return sent.flatMap(({ atMs }, index) => {
    const before = sent[index - 1];
    if (before === undefined) return [];
    const passedMs = atMs - before.atMs;
    // Where the ramp is steep a tick of the clock makes much of a difference.
    const isShort = passedMs < before.gapMs - toleranceMs - before.gapMs / 20;
    return isShort ? [`${passedMs} ms instead of ${before.gapMs} ms`] : [];
  });
}

function exceededFirstContacts(sent: readonly Sent[]): string[] {
  const firsts = sent.filter(({ first }) => first);
  const held = sent.filter((one) => one.held).map(() => 'a new chat during a restriction');
  const tooMany = firsts.flatMap((last) => {
    const count = firsts.filter((one) => isWithin(one, last, dayMs)).length;
    const allowed = shareOf(last.firstContacts, last);
    return count > allowed ? [`${count} of ${allowed} first contacts in a day`] : [];
  });
  return [...held, ...tooMany];
}

function wokenAtNight(sent: readonly Sent[]): string[] {
  return sent.filter(({ night, wanted }) => night && !wanted.urgent).map(() => 'a message at night');
}

function isWithin(one: Sent, last: Sent, windowMs: number): boolean {
  return one.atMs <= last.atMs && one.atMs > last.atMs - windowMs + toleranceMs;
}

function shareOf(limit: number, { halved }: Sent): number {
  return halved ? Math.max(Math.floor(limit / 2), 1) : limit;
}

/**
 * Messages of one client that came before an older one. At night an answer need not wait for what is held until the morning;
 * what was interrupted may come again first of all.
 */
export function reorderedIn(sent: readonly Sent[]): string[] {
  const beganAtNight = (wanted: Sent['wanted']): boolean =>
    sent.find((one) => one.wanted === wanted)?.night === true;
  return sent.flatMap((later, index) =>
    sent
      .slice(0, index)
      .filter(({ wanted }) => wanted.phone === later.wanted.phone && wanted.order > later.wanted.order)
      .filter(({ wanted }) => !(wanted.urgent && !later.wanted.urgent && beganAtNight(wanted)))
      .map(({ wanted }) => `${wanted.text} before ${later.wanted.text}`),
  );
}
