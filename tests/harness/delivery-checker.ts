import { type Posted, wordOf } from './webhook-traffic.ts';

export type Received = Readonly<{ id: string; text: string }>;

export type History = Readonly<{
  posted: readonly Posted[];
  /** What each record's client received, in order. */
  received: readonly Received[];
  /** Records whose last message may or may not have arrived: WhatsApp never said. */
  unknown: ReadonlySet<number>;
}>;

type Told = Readonly<{ recordId: number; version: number; cancelled: boolean }>;

const cancelledWord = 'отменена';

/**
 * Looks for webhooks that were acknowledged and lost, messages that were said twice and cancelled bookings that came back.
 * A webhook without an answer may have been taken or not.
 * @returns a sentence for each violation
 */
export function violationsOf(history: History): string[] {
  const tellings = history.received.flatMap(({ text }) => toldBy(text) ?? []);
  return [
    ...repeated(history.received),
    ...[...Map.groupBy(history.posted, ({ recordId }) => recordId)].flatMap(([recordId, posted]) =>
      history.unknown.has(recordId)
        ? []
        : wrongEnd(
            recordId,
            posted,
            tellings.filter((told) => told.recordId === recordId),
          ),
    ),
  ];
}

function repeated(received: readonly Received[]): string[] {
  const byText = Map.groupBy(received, ({ text }) => text);
  const byId = Map.groupBy(received, ({ id }) => id);
  return [
    ...[...byText].flatMap(([text, same]) => (same.length > 1 ? [`Said ${same.length} times: ${text}`] : [])),
    ...[...byId].flatMap(([id, same]) => (same.length > 1 ? [`Shown ${same.length} times: ${id}`] : [])),
  ];
}

function wrongEnd(recordId: number, posted: readonly Posted[], told: readonly Told[]): string[] {
  const afterEnd = told.slice(told.findIndex(({ cancelled }) => cancelled) + 1);
  if (told.some(({ cancelled }) => cancelled) && afterEnd.length > 0)
    return [`Record ${recordId} was revived`];
  // A record whose creation nobody took is first seen by an update: its client is taken to know it.
  if (!posted.some(({ kind, acknowledged }) => kind === 'create' && acknowledged)) return [];
  const newest = Math.max(...posted.filter(({ acknowledged }) => acknowledged).map(({ order }) => order));
  const ends = posted.filter(({ order, acknowledged }) => (acknowledged ? order === newest : order > newest));
  const last = told.at(-1);
  if (last === undefined) return [`Record ${recordId}: nothing was ever said`];
  const isTrue = ends.some(({ kind, version }) =>
    kind === 'delete' ? last.cancelled : !last.cancelled && last.version === version,
  );
  const wanted = ends.map(({ kind, version }) => (kind === 'delete' ? 'cancelled' : `version ${version}`));
  return isTrue
    ? []
    : [
        `Record ${recordId}: its client knows ${last.cancelled ? 'a cancellation' : `version ${last.version}`}, true is ${[...new Set(wanted)].join(' or ')}`,
      ];
}

function toldBy(text: string): Told | undefined {
  const [, recordId, version] = /Запись-(\d+)-(\d+)\./.exec(text) ?? [];
  if (recordId === undefined || version === undefined) return undefined;
  if (!text.includes(wordOf(Number(recordId), Number(version)))) return undefined;
  return { recordId: Number(recordId), version: Number(version), cancelled: text.includes(cancelledWord) };
}
