/** One service of a booking, by the platform's number. */
export type BookedService = Readonly<{ id: number; title: string }>;

/** What we keep of a platform record (`data` of a `record` webhook). */
export type Booking = Readonly<{
  recordId: number;
  /** Local time of the salon without a zone, `YYYY-MM-DD HH:mm:ss`. */
  startsAt: string;
  staffId: number | undefined;
  staffName: string | undefined;
  services: readonly BookedService[];
  /** E.164 with `+`; undefined when the record has no client or the number is none. */
  clientPhone: string | undefined;
  clientName: string | undefined;
  cancelled: boolean;
  /** The platform's mark: 2 confirmed by the client, 1 came, 0 awaited, -1 did not come. */
  attendance: -1 | 0 | 1 | 2;
  /** Made by the client on the web. */
  online: boolean;
  durationSeconds: number;
  createdAt: Date | undefined;
  /** The platform's `last_change_date` as an instant; orders events of one record. */
  changedAt: Date | undefined;
}>;

/** What a client knows of a booking. */
export type NotifiedState = Readonly<{
  /** Local time of the salon. */
  startsAt: string;
  /** Since when we had known that start. */
  startKnownAt: Date;
  staffId: number | null;
  /** In ascending order. */
  serviceIds: readonly number[];
  phone: string;
  cancelled: boolean;
  /** We did not write it: the booking is older than our knowledge of it, or its kind of message is switched off. */
  assumed: boolean;
}>;

/** A booking and what we know about its client. */
export type KnownBooking = Readonly<{
  booking: Booking;
  /** Whether we heard of its creation, and not only of later changes. */
  creationSeen: boolean;
  /** When we learned of the present start, or of who is to come. */
  startKnownAt: Date;
  /** What was told last, and to which phone: the booking may have another by now. Undefined: nothing. */
  notified: NotifiedState | undefined;
  /** How many messages have told something; part of the key of the next one. */
  notificationCount: number;
}>;
