import type { NotifiedState } from '../booking/booking.ts';
import type { CompanyId } from '../ids.ts';

/**
 * The ladder of an outgoing message. `sent` is the server's ack, never our own write; `unknown` means that we cannot
 * tell whether WhatsApp took it; `withdrawn` was replaced or forbidden before anybody tried to send it. A status only moves
 * forward.
 */
export const messageStatuses = [
  'queued',
  'sending',
  'unknown',
  'sent',
  'delivered',
  'read',
  'failed',
  'expired',
  'withdrawn',
] as const;

export type MessageStatus = (typeof messageStatuses)[number];

/** What a booking can make us say. */
export const bookingMessageKinds = [
  'confirmation',
  'change',
  'cancellation',
  'reminder_24h',
  'reminder_2h',
  'thanks',
] as const;

export type BookingMessageKind = (typeof bookingMessageKinds)[number];

/** `reply` answers a client's own message. */
export const messageKinds = [...bookingMessageKinds, 'reply', 'direct', 'test'] as const;

export type MessageKind = (typeof messageKinds)[number];

export type NewMessage = Readonly<{
  companyId: CompanyId;
  kind: MessageKind;
  /** Unique in its company; the same key again is the same message. */
  idempotencyKey: string;
  /** E.164 with `+`. */
  phone: string;
  text: string;
  /** The platform's record that caused it. */
  recordId?: number;
  /** Default: now. Messages of one client go in this order. */
  notBefore?: Date;
  /** After this the message is of no use and becomes `expired`. */
  expiresAt?: Date;
  /** Default true: held while the salon's quiet hours last. */
  respectsQuietHours?: boolean;
  /** What the client knows of the booking once this message is on its way. */
  notifies?: NotifiedState;
}>;

export type Message = Readonly<{
  id: string;
  companyId: CompanyId;
  kind: MessageKind;
  phone: string;
  text: string;
  recordId: number | undefined;
  status: MessageStatus;
  /** Chosen before the first send and used again after a crash. */
  whatsappMessageId: string;
  attempts: number;
  errorCode: string | undefined;
  notBefore: Date;
  expiresAt: Date | undefined;
  createdAt: Date;
  sentAt: Date | undefined;
  deliveredAt: Date | undefined;
  readAt: Date | undefined;
}>;
