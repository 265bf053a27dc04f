/** `id` is the YCLIENTS service id. */
export type BookedService = Readonly<{ id: number; title: string }>;

/** A YCLIENTS record: `data` of a `record` webhook, an item of `GET /records`. */
export type Booking = Readonly<{
  recordId: number;
  /** Local time of the salon without a zone, `YYYY-MM-DD HH:mm:ss`. */
  startsAt: string;
  staffId: number | undefined;
  staffName: string | undefined;
  services: readonly BookedService[];
  /** E.164 with `+`; undefined when the record has no client or no valid number. */
  clientPhone: string | undefined;
  clientName: string | undefined;
  cancelled: boolean;
  /** YCLIENTS codes: 2 confirmed by the client, 1 came, 0 expected, -1 did not come. */
  attendance: -1 | 0 | 1 | 2;
  /** Booked online by the client. */
  online: boolean;
  durationSeconds: number;
  createdAt: Date | undefined;
  /** `last_change_date`; orders the events of a record. */
  changedAt: Date | undefined;
}>;

/** The state of a booking that its client was last notified of. */
export type NotifiedState = Readonly<{
  /** Local time of the salon. */
  startsAt: string;
  /** When this start became known to us. */
  startKnownAt: Date;
  staffId: number | null;
  /** In ascending order. */
  serviceIds: readonly number[];
  phone: string;
  cancelled: boolean;
  /** No message was sent: the booking predates its first event, or its kind of message is switched off. */
  assumed: boolean;
}>;

/** A booking with the notification state of its client. */
export type BookingState = Readonly<{
  booking: Booking;
  /** Whether its creation was received, not only later changes. */
  creationSeen: boolean;
  /** When the current start and phone became known to us. */
  startKnownAt: Date;
  /** The last notification; its phone may differ from that of the booking. Undefined before the first one. */
  notified: NotifiedState | undefined;
  /** Number of notifications sent; part of the next idempotency key. */
  notificationCount: number;
}>;
