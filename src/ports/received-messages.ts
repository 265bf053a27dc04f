import type { CompanyId } from '../domain/ids.ts';

/** A text message from a one-to-one chat. */
export type ReceivedText = Readonly<{
  whatsappMessageId: string;
  /** E.164 with `+`. */
  phone: string;
  text: string;
  /** WhatsApp's timestamp; old if the session was offline. */
  sentAt: Date;
  /** WhatsApp id of the quoted message. */
  quotedId?: string;
}>;

/** A stored message of a client. */
export type ReceivedMessage = Readonly<{
  /** UUID derived from company and WhatsApp id. */
  id: string;
  /** Increases with each message of the company. */
  position: number;
  /** E.164 with `+`. */
  phone: string;
  text: string;
  /** WhatsApp's timestamp. */
  sentAt: Date;
  /** Database clock. */
  receivedAt: Date;
}>;

/** A list entry; phone and text are undefined if the encryption key is missing. */
export type ListedMessage = Omit<ReceivedMessage, 'phone' | 'text'> &
  Readonly<{ phone: string | undefined; text: string | undefined }>;

export type UnforwardedMessage = Readonly<{
  id: string;
  companyId: CompanyId;
  /** Undefined if the encryption key is missing. */
  phone: string | undefined;
}>;

/** A received message to post to the company's own webhook. */
export type ForwardingJob = Readonly<{ companyId: CompanyId; messageId: string }>;

/** Messages of clients; phone and text are stored encrypted. */
export interface ReceivedMessages {
  /** Idempotent; durable when it resolves. @returns undefined for an unknown company */
  save(
    companyId: CompanyId,
    message: ReceivedText,
  ): Promise<Readonly<{ id: string; needsForwarding: boolean }> | undefined>;
  /** @throws UnreadableSecretError if the encryption key is missing */
  byId(companyId: CompanyId, id: string): Promise<ReceivedMessage | undefined>;
  /** Messages after the position, in order of receipt. */
  after(companyId: CompanyId, position: number, limit: number): Promise<readonly ListedMessage[]>;
  /** Messages of all companies that need a forwarding job. */
  findUnforwarded(limit: number): Promise<readonly UnforwardedMessage[]>;
  /** Records that their forwarding jobs have been inserted. */
  markQueuedForForwarding(ids: readonly string[]): Promise<void>;
  /** Deletes at most `limit` messages older than `days`. @returns the number deleted */
  deleteOlderThan(days: number, limit: number): Promise<number>;
}
