import type { CompanyId } from './ids.ts';

/**
 * The ladder of an outgoing message. `sent` is the server's ack, never our own write; `unknown` means that we cannot
 * tell whether WhatsApp took it. A status only moves forward.
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
] as const;

export type MessageStatus = (typeof messageStatuses)[number];

export const messageKinds = ['confirmation', 'change', 'cancellation', 'direct', 'test'] as const;

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
  notBefore?: Date;
  /** After this the message is of no use and becomes `expired`. */
  expiresAt?: Date;
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
