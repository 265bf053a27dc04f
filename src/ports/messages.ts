import type { CompanyId } from '../domain/ids.ts';
import type { Message, MessageStatus, NewMessage } from '../domain/notification/message.ts';
import type { PacingLimits } from '../domain/notification/pacing.ts';
import type { NotificationSettings } from '../domain/notification/settings.ts';
import type { Lease } from './sessions.ts';

/** Clients a company writes to. */
export interface Contacts {
  /** Records that the client wrote to the salon, which ends the limits on first contacts. */
  received(companyId: CompanyId, phone: string): Promise<void>;
  /**
   * Records the opt-out with its event and withdraws queued messages except cancellations, in one transaction.
   * @returns false if the client had opted out before
   */
  optOut(companyId: CompanyId, phone: string, cause: string): Promise<boolean>;
  /** Revokes an opt-out, with its event. @returns false if there was none */
  optIn(companyId: CompanyId, phone: string, cause: string): Promise<boolean>;
  /** Clients who opted out, latest first. */
  optedOut(companyId: CompanyId, limit: number): Promise<readonly Readonly<{ phone: string; since: Date }>[]>;
}

/** Notification settings of the companies. */
export interface Settings {
  /** The stored settings, or the defaults. */
  get(companyId: CompanyId): Promise<NotificationSettings>;
  /** Writes the settings and their event in one transaction. */
  save(companyId: CompanyId, settings: NotificationSettings, cause: string): Promise<void>;
}

/**
 * A message to send now, or the time of the next claim; `dueAt` is undefined if nothing is queued or the lease is lost.
 * `dueInMs` is the same by the database clock, since the local one may be wrong.
 */
export type MessageClaim =
  | Readonly<{ message: Message }>
  | Readonly<{ message?: undefined; dueAt: Date | undefined; dueInMs: number | undefined }>;

/** The outbox. */
export interface Messages {
  /** A known idempotency key returns the existing message. @returns undefined if the client opted out */
  enqueue(message: NewMessage, cause: string): Promise<Message | undefined>;
  /** @returns undefined for an unknown id or one of another company */
  byId(companyId: CompanyId, id: string): Promise<Message | undefined>;
  /** Text sent under the WhatsApp id, for retry receipts of recipients that could not decrypt it. */
  textByWhatsappMessageId(companyId: CompanyId, whatsappMessageId: string): Promise<string | undefined>;
  /**
   * Claims the oldest due message within the limits: sets it to `sending` under the lease and stores the notified state of
   * its booking, in one transaction. Messages left in `sending` under an older token come first and keep their WhatsApp id,
   * for `maxAttempts` at most. Messages to one client keep their order.
   */
  claim(
    lease: Lease,
    options: Readonly<{
      /** Undefined: unlimited. */
      limits: PacingLimits | undefined;
      /** Pause before the company's next message. */
      gapMs: number;
      maxAttempts: number;
      /** End of the quiet hours, during them. */
      quietUntil?: Date;
    }>,
  ): Promise<MessageClaim>;
  /** Pending messages of all companies. */
  backlog(): Promise<Readonly<{ queued: number; sending: number; oldestDueAt: Date | undefined }>>;
  /**
   * Returns a message that was not sent to `queued`, or to `withdrawn` if the client has opted out or the visit of a
   * reminder has been moved or cancelled.
   */
  release(lease: Lease, id: string, retryAfterMs: number): Promise<void>;
  /** The message was written to the socket; starts the ack timeout. */
  markDispatched(lease: Lease, id: string): Promise<void>;
  /**
   * Advances the status; it never moves backwards. A first refusal with 463 or 429 returns the message to `queued` for one
   * more attempt under the same id, if it is still wanted.
   * @returns undefined if the status did not change
   */
  advance(
    companyId: CompanyId,
    whatsappMessageId: string,
    to: MessageStatus,
    errorCode?: string,
  ): Promise<Message | undefined>;
  /**
   * Sets to `unknown`: messages of this lease without an ack for `ackTimeoutMs`, and messages left in `sending` under an
   * older lease that have expired, used up `maxAttempts` or are no longer wanted.
   */
  expireUnacknowledged(
    lease: Lease,
    options: Readonly<{ ackTimeoutMs: number; maxAttempts: number }>,
  ): Promise<readonly Message[]>;
  /** Sets queued messages of all companies to `expired` after their `expiresAt`. @returns the expired messages */
  expire(): Promise<readonly Message[]>;
}
