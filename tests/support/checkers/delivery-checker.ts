import { type Posted, wordOf } from '../clients/webhook-traffic.ts';

/** `phone` is the number of the phone that shows it, digits. */
export type Received = Readonly<{ id: string; text: string; phone: string }>;

export type History = Readonly<{
  posted: readonly Posted[];
  /** What each record's client received, in order. */
  received: readonly Received[];
  /** Records whose last message may or may not have arrived: WhatsApp never said. */
  unknown: ReadonlySet<number>;
}>;

type Told = Readonly<{ recordId: number; version: number; cancelled: boolean; phone: string }>;

const cancelledWord = 'отменена';

/**
 * Looks for webhooks that were acknowledged and lost, for messages that were said twice, out of order or to a stranger, and
 * for cancelled bookings that came back.
 * A webhook without an answer may have been taken or not.
 * @returns a sentence for each violation
 */
export function violationsOf(history: History): string[] {
  const tellings = history.received.flatMap((received) => toldBy(received) ?? []);
  const tellingsOf = Map.groupBy(tellings, ({ recordId }) => recordId);
  return [
    ...repeated(history.received),
    ...[...Map.groupBy(history.posted, ({ recordId }) => recordId)].flatMap(([recordId, posted]) => {
      const told = tellingsOf.get(recordId) ?? [];
      return [
        ...wrongCourse(recordId, posted, told),
        ...(history.unknown.has(recordId) ? [] : wrongEnd(recordId, posted, told)),
      ];
    }),
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

/** A state is told once, whatever the words, and never after a newer one: the traffic makes no state twice. */
function wrongCourse(recordId: number, posted: readonly Posted[], told: readonly Told[]): string[] {
  const phones = new Set(posted.map(({ phone }) => phone));
  const bookings = told.filter(({ cancelled }) => !cancelled);
  const end = told.findIndex(({ cancelled }) => cancelled);
  const isRevived = end >= 0 && told.slice(end + 1).some(({ cancelled }) => !cancelled);
  return [
    ...(isRevived ? [`Record ${recordId} was revived`] : []),
    ...told.flatMap(({ phone }) => (phones.has(phone) ? [] : [`Record ${recordId} was told to a stranger`])),
    ...bookings.flatMap(({ version }, index) => {
      const newest = Math.max(-1, ...bookings.slice(0, index).map((earlier) => earlier.version));
      if (version === newest) return [`Record ${recordId}: version ${version} was told twice`];
      return version < newest ? [`Record ${recordId}: version ${version} was told after ${newest}`] : [];
    }),
    ...(told.length - bookings.length > 1 ? [`Record ${recordId} was cancelled twice`] : []),
  ];
}

function wrongEnd(recordId: number, posted: readonly Posted[], told: readonly Told[]): string[] {
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

function toldBy({ text, phone }: Received): Told | undefined {
  const [, recordId, version] = /Запись-(\d+)-(\d+)\./.exec(text) ?? [];
  if (recordId === undefined || version === undefined) return undefined;
  if (!text.includes(wordOf(Number(recordId), Number(version)))) return undefined;
  return {
    recordId: Number(recordId),
    version: Number(version),
    cancelled: text.includes(cancelledWord),
    phone,
  };
}
