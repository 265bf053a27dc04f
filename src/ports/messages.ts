import type { CompanyId } from '../domain/ids.ts';
import type { NotificationSettings } from '../domain/notification/settings.ts';
import type { Message, MessageStatus, NewMessage } from '../domain/notification/message.ts';
import type { PacingLimits } from '../domain/notification/pacing.ts';
import type { Lease } from './sessions.ts';

/** What is known of the people whom a company writes to. */
export interface Contacts {
  /** The person wrote to the salon: never again a first contact. */
  received(companyId: CompanyId, phone: string): Promise<void>;
  /** Writes the wish and its event and withdraws what is queued but cancellations, in one transaction. False: known already. */
  optOut(companyId: CompanyId, phone: string, cause: string): Promise<boolean>;
  optIn(companyId: CompanyId, phone: string, cause: string): Promise<boolean>;
  /** Latest first. */
  optedOut(companyId: CompanyId, limit: number): Promise<readonly Readonly<{ phone: string; since: Date }>[]>;
}

export interface Settings {
  get(companyId: CompanyId): Promise<NotificationSettings>;
  /** Writes its event in the same transaction. */
  save(companyId: CompanyId, settings: NotificationSettings, cause: string): Promise<void>;
}

/**
 * A message to send now; or when to look again, undefined when nothing waits or the lease is not ours any more. `dueInMs` is
 * counted by the database's clock: ours may be wrong.
 */
export type MessageClaim =
  | Readonly<{ message: Message }>
  | Readonly<{ message?: undefined; dueAt: Date | undefined; dueInMs: number | undefined }>;

export interface Messages {
  /** The same idempotency key again returns the message that exists. Undefined: the person wants no messages. */
  enqueue(message: NewMessage, cause: string): Promise<Message | undefined>;
  byId(companyId: CompanyId, id: string): Promise<Message | undefined>;
  /** The text that was sent under this WhatsApp id: a recipient that could not read it asks again. */
  textByWhatsappMessageId(companyId: CompanyId, whatsappMessageId: string): Promise<string | undefined>;
  /**
   * Takes the oldest message that is due and within the limits, makes it `sending` under the lease and notes what it tells
   * its client, in one transaction. Messages left in `sending` under an older token come first, with the id they already
   * have, `maxAttempts` times at most. Messages to one client never overtake each other.
   */
  claim(
    lease: Lease,
    options: Readonly<{
      /** Undefined: none. */
      limits: PacingLimits | undefined;
      /** Drawn for this message: the gap before the company's next one. */
      gapMs: number;
      maxAttempts: number;
      /** Set while the salon's quiet hours last: their end. */
      quietUntil?: Date;
    }>,
  ): Promise<MessageClaim>;
  /** What waits in all companies. */
  backlog(): Promise<Readonly<{ queued: number; sending: number; oldestDueAt: Date | undefined }>>;
  /**
   * Back to `queued` because nothing left this machine; `withdrawn` when it should not be said any more: its person wants no
   * messages, or it is a reminder of a visit that has been moved or cancelled meanwhile.
   */
  release(lease: Lease, id: string, retryAfterMs: number): Promise<void>;
  /** WhatsApp has been given the message: from now on its ack is waited for. */
  markDispatched(lease: Lease, id: string): Promise<void>;
  /**
   * Moves the status forward only. The message as it is now; undefined: it did not move. One that WhatsApp refused with 463 or
   * 429 for the first time is `queued` again, for a last attempt under the same id, where that makes sense.
   */
  advance(
    companyId: CompanyId,
    whatsappMessageId: string,
    to: MessageStatus,
    errorCode?: string,
  ): Promise<Message | undefined>;
  /**
   * What has waited longer than `ackTimeoutMs` for its ack under this lease becomes `unknown`, and what was left in `sending`
   * under an older one and is past its use or its `maxAttempts`, or should not be said any more.
   */
  expireUnacknowledged(
    lease: Lease,
    options: Readonly<{ ackTimeoutMs: number; maxAttempts: number }>,
  ): Promise<readonly Message[]>;
  /** Queued messages of all companies that are past their use become `expired`. */
  expire(): Promise<readonly Message[]>;
}
