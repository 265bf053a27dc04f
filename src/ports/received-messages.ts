import type { CompanyId } from '../domain/ids.ts';

/** A text from a private chat. */
export type ReceivedText = Readonly<{
  whatsappMessageId: string;
  /** E.164 with `+`. */
  phone: string;
  text: string;
  /** By WhatsApp's clock; long ago when nobody was connected to take it. */
  sentAt: Date;
  /** The WhatsApp id of the message that the person answered by quoting it. */
  quotedId?: string;
}>;

/** What a client wrote, as it is kept. */
export type ReceivedMessage = Readonly<{
  /** A UUID that follows from the company and the WhatsApp message. */
  id: string;
  /** Grows with each message of the company. */
  position: number;
  /** E.164 with `+`. */
  phone: string;
  text: string;
  /** By WhatsApp's clock. */
  sentAt: Date;
  /** By the database's clock. */
  receivedAt: Date;
}>;

/** A message in the company's list; phone and text are undefined when its key is gone. */
export type ListedMessage = Omit<ReceivedMessage, 'phone' | 'text'> &
  Readonly<{ phone: string | undefined; text: string | undefined }>;

export type UnforwardedMessage = Readonly<{
  id: string;
  companyId: CompanyId;
  /** Undefined: its key is gone. */
  phone: string | undefined;
}>;

/** A received message that the company's own webhook is to be told of. */
export type ForwardingJob = Readonly<{ companyId: CompanyId; messageId: string }>;

/** What clients write; phone and text are sealed. */
export interface ReceivedMessages {
  /** Durable when it resolves; a repeat is the same message. Undefined: the company is gone. */
  save(
    companyId: CompanyId,
    message: ReceivedText,
  ): Promise<Readonly<{ id: string; needsForwarding: boolean }> | undefined>;
  byId(companyId: CompanyId, id: string): Promise<ReceivedMessage | undefined>;
  /** In the order of receipt, those behind the position. */
  after(companyId: CompanyId, position: number, limit: number): Promise<readonly ListedMessage[]>;
  /** Those that still wait for a job, of all companies. */
  findUnforwarded(limit: number): Promise<readonly UnforwardedMessage[]>;
  /** They have their jobs. */
  markQueuedForForwarding(ids: readonly string[]): Promise<void>;
  /** Erases what is older, at most `limit` messages. @returns how many */
  deleteOlderThan(days: number, limit: number): Promise<number>;
}
