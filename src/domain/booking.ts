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
  /** The platform's `last_change_date` as an instant; orders events of one record. */
  changedAt: Date | undefined;
}>;
