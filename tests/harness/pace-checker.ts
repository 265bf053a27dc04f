import { gapMs, limits, type Sent } from './paced-number.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A tick of the real clock passes between a claim and our note of it. */
const toleranceMs = 250;

/** Every limit that was exceeded, in words. */
export function exceededBy(sent: readonly Sent[]): string[] {
  return [...exceededWindows(sent), ...shortGaps(sent), ...exceededFirstContacts(sent)];
}

function exceededWindows(sent: readonly Sent[]): string[] {
  const windows = [
    [limits.perMinute, minuteMs],
    [limits.perHour, hourMs],
    [limits.perDay, dayMs],
  ] as const;
  return windows.flatMap(([limit, windowMs]) =>
    sent.flatMap((last) => {
      const count = sent.filter(
        ({ atMs }) => atMs <= last.atMs && atMs > last.atMs - windowMs + toleranceMs,
      ).length;
      const allowed = last.halved ? Math.max(Math.floor(limit / 2), 1) : limit;
      return count > allowed ? [`${count} of ${allowed} in ${windowMs} ms`] : [];
    }),
  );
}

function shortGaps(sent: readonly Sent[]): string[] {
  return sent.flatMap(({ atMs }, index) => {
    const before = sent[index - 1];
    const isShort = before !== undefined && atMs - before.atMs <= gapMs - toleranceMs;
    return isShort ? [`a gap of ${atMs - before.atMs} ms`] : [];
  });
}

function exceededFirstContacts(sent: readonly Sent[]): string[] {
  const firsts = sent.filter(({ first }) => first);
  const held = firsts.filter((one) => one.held).map(() => 'a first contact after a restriction');
  const tooMany = firsts.flatMap(({ atMs: end }) => {
    const inDay = firsts.filter(({ atMs }) => atMs <= end && atMs > end - dayMs + toleranceMs).length;
    return inDay > limits.warmUpFirstContactsPerDay ? [`${inDay} first contacts in a day`] : [];
  });
  return [...held, ...tooMany];
}

/** A message that was interrupted may come again right then, and never after one that was wanted later. */
export function reorderedIn(
  sent: readonly Sent[],
  enqueued: ReadonlyMap<string, readonly string[]>,
): string[] {
  return [...enqueued].flatMap(([phone, texts]) => {
    const got = sent.filter((one) => one.phone === phone).map(({ text }) => text);
    const once = got.filter((text, index) => text !== got[index - 1]);
    const wanted = texts.filter((text) => once.includes(text));
    return once.join() === wanted.join() ? [] : [`${phone}: ${once.join()} instead of ${wanted.join()}`];
  });
}
