import { type PostedWebhook, versionMarker } from '../clients/webhook-traffic.ts';

/** `phone` is the number of the phone that shows it, digits. */
export type ReceivedText = Readonly<{ id: string; text: string; phone: string }>;

export type DeliveryHistory = Readonly<{
  posted: readonly PostedWebhook[];
  /** Messages that each record's client received, in order. */
  received: readonly ReceivedText[];
  /** Records whose last message has the status unknown: it may have arrived. */
  unknown: ReadonlySet<number>;
}>;

type ReceivedNotification = Readonly<{
  recordId: number;
  version: number;
  cancelled: boolean;
  phone: string;
}>;

const cancelledWord = 'отменена';

/**
 * Finds acknowledged webhooks that were lost, messages that were sent twice, out of order or to the wrong client, and
 * cancelled bookings that were confirmed again. A webhook without a response may or may not have been stored.
 * @returns a sentence for each violation
 */
export function findViolations(history: DeliveryHistory): string[] {
  const notifications = history.received.flatMap((received) => parseNotification(received) ?? []);
  const notificationsByRecord = Map.groupBy(notifications, ({ recordId }) => recordId);
  return [
    ...duplicates(history.received),
    ...[...Map.groupBy(history.posted, ({ recordId }) => recordId)].flatMap(([recordId, posted]) => {
      const recordNotifications = notificationsByRecord.get(recordId) ?? [];
      return [
        ...orderViolations(recordId, posted, recordNotifications),
        ...(history.unknown.has(recordId) ? [] : finalStateViolations(recordId, posted, recordNotifications)),
      ];
    }),
  ];
}

function duplicates(received: readonly ReceivedText[]): string[] {
  const byText = Map.groupBy(received, ({ text }) => text);
  const byId = Map.groupBy(received, ({ id }) => id);
  return [
    ...[...byText].flatMap(([text, same]) =>
      same.length > 1 ? [`Delivered ${same.length} times: ${text}`] : [],
    ),
    ...[...byId].flatMap(([id, same]) =>
      same.length > 1 ? [`Message id shown ${same.length} times: ${id}`] : [],
    ),
  ];
}

/** Each state is notified at most once and never after a newer one: the traffic produces no state twice. */
function orderViolations(
  recordId: number,
  posted: readonly PostedWebhook[],
  recordNotifications: readonly ReceivedNotification[],
): string[] {
  const phones = new Set(posted.map(({ phone }) => phone));
  const bookings = recordNotifications.filter(({ cancelled }) => !cancelled);
  const end = recordNotifications.findIndex(({ cancelled }) => cancelled);
  const isRevived = end >= 0 && recordNotifications.slice(end + 1).some(({ cancelled }) => !cancelled);
  return [
    ...(isRevived ? [`Record ${recordId} was revived`] : []),
    ...recordNotifications.flatMap(({ phone }) =>
      phones.has(phone) ? [] : [`Record ${recordId}: notification sent to another client`],
    ),
    ...bookings.flatMap(({ version }, index) => {
      const newest = Math.max(-1, ...bookings.slice(0, index).map((earlier) => earlier.version));
      if (version === newest) return [`Record ${recordId}: version ${version} notified twice`];
      return version < newest ? [`Record ${recordId}: version ${version} notified after ${newest}`] : [];
    }),
    ...(recordNotifications.length - bookings.length > 1 ? [`Record ${recordId} was cancelled twice`] : []),
  ];
}

function finalStateViolations(
  recordId: number,
  posted: readonly PostedWebhook[],
  recordNotifications: readonly ReceivedNotification[],
): string[] {
  // A record whose creation was not stored is first seen by an update; its client counts as notified of it.
  if (!posted.some(({ kind, acknowledged }) => kind === 'create' && acknowledged)) return [];
  const newest = Math.max(...posted.filter(({ acknowledged }) => acknowledged).map(({ order }) => order));
  const acceptedFinalStates = posted.filter(({ order, acknowledged }) =>
    acknowledged ? order === newest : order > newest,
  );
  const last = recordNotifications.at(-1);
  if (last === undefined) return [`Record ${recordId}: no notification received`];
  const isCorrect = acceptedFinalStates.some(({ kind, version }) =>
    kind === 'delete' ? last.cancelled : !last.cancelled && last.version === version,
  );
  const expected = acceptedFinalStates.map(({ kind, version }) =>
    kind === 'delete' ? 'cancelled' : `version ${version}`,
  );
  return isCorrect
    ? []
    : [
        `Record ${recordId}: last notified ${last.cancelled ? 'a cancellation' : `version ${last.version}`}, expected ${[...new Set(expected)].join(' or ')}`,
      ];
}

function parseNotification({ text, phone }: ReceivedText): ReceivedNotification | undefined {
  const [, recordId, version] = /Запись-(\d+)-(\d+)\./.exec(text) ?? [];
  if (recordId === undefined || version === undefined) return undefined;
  if (!text.includes(versionMarker(Number(recordId), Number(version)))) return undefined;
  return {
    recordId: Number(recordId),
    version: Number(version),
    cancelled: text.includes(cancelledWord),
    phone,
  };
}
