import type { NotifiedState } from '../booking/booking.ts';
import type { CompanyId } from '../ids.ts';

/**
 * `sent`: acknowledged by the WhatsApp server. `unknown`: no ack arrived, so it may or may not have been sent. `withdrawn`:
 * replaced or no longer allowed before the first attempt. A status only moves forward.
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

export const bookingMessageKinds = [
  'confirmation',
  'change',
  'cancellation',
  'reminder_24h',
  'reminder_2h',
  'thanks',
] as const;

export type BookingMessageKind = (typeof bookingMessageKinds)[number];

/** `reply` is the automatic response to a keyword of the client. */
export const messageKinds = [...bookingMessageKinds, 'reply', 'direct', 'test'] as const;

export type MessageKind = (typeof messageKinds)[number];

export type NewMessage = Readonly<{
  companyId: CompanyId;
  kind: MessageKind;
  /** Unique within the company; a repeated key returns the existing message. */
  idempotencyKey: string;
  /** E.164 with `+`. */
  phone: string;
  text: string;
  /** YCLIENTS record that the message is about. */
  recordId?: number;
  /** Default: now. Messages to one client are sent in this order. */
  notBefore?: Date;
  /** Not sent after this: becomes `expired`. */
  expiresAt?: Date;
  /** Default true: held during the salon's quiet hours. */
  respectsQuietHours?: boolean;
  /** State of the booking that this message communicates. */
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
  /** Chosen before the first attempt and reused by every retry, so that WhatsApp deduplicates. */
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
