import type { KnownBooking } from '../domain/booking/booking.ts';
import type { ClientReplyKind } from '../domain/notification/client-reply.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { Message, MessageKind, MessageStatus, NewMessage } from '../domain/notification/message.ts';
import type { NotificationSettings } from '../domain/notification/settings.ts';
import type { PacingLimits } from '../domain/notification/pacing.ts';
import type {
  Restriction,
  ReachoutTimelock,
  ReachoutTimelockSource,
} from '../domain/notification/restriction.ts';
import type { Lease, MarketplaceEvent, ReceivedText } from './ports.ts';

/** What the use cases need to know of bookings and their messages. Types only: this file has no runtime. */

export type StoredBooking = KnownBooking & Readonly<{ version: number }>;

export type QueuedMessage = Readonly<{ id: string; kind: MessageKind }>;

export interface Bookings {
  find(companyId: CompanyId, recordId: number): Promise<StoredBooking | undefined>;
  /**
   * Writes the booking, its whole plan of messages and its event in one transaction, if the stored version still is
   * `expectedVersion` (0 = not stored yet). Queued messages of the record that are not in the plan become `withdrawn`; those
   * that are keep their place. Nothing is queued for a client who opted out, but for a cancellation. `stale`: somebody else
   * was faster, or a message has been sent meanwhile; read again.
   */
  apply(
    companyId: CompanyId,
    change: Readonly<{
      expectedVersion: number;
      known: KnownBooking;
      plan: readonly NewMessage[];
      event: MarketplaceEvent;
    }>,
  ): Promise<'stale' | Readonly<{ queued: readonly QueuedMessage[] }>>;
  /**
   * Records whose visit is not over by `from` (local time of the salon) and not cancelled, and those that have a message
   * waiting, in ascending order.
   */
  upcoming(
    companyId: CompanyId,
    page: Readonly<{ from: string; afterRecordId: number; limit: number; phone?: string }>,
  ): Promise<readonly number[]>;
}

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

export type ReachoutTimelockUpdate = Omit<ReachoutTimelock, 'isActive'> &
  Readonly<{
    /** `silent`: WhatsApp was asked and did not answer. */
    result: 'locked' | 'free' | 'silent';
    source: ReachoutTimelockSource;
  }>;

/** Numbers that WhatsApp lets start no new chats. A refused message begins one until WhatsApp has said why. */
export interface Restrictions {
  /** Writes what WhatsApp says and its event in one transaction. `endsAt` is that of the restriction that lasts, if one does. */
  record(
    companyId: CompanyId,
    update: ReachoutTimelockUpdate,
  ): Promise<Readonly<{ change: 'began' | 'ended' | undefined; endsAt: Date | undefined }>>;
  /** Companies whose WhatsApp should be asked now. @param recheckAfterMs pause after a question that was not answered */
  due(recheckAfterMs: number): Promise<readonly CompanyId[]>;
  /** The one that lasts; undefined also while a refusal has not been explained, and while the number is not linked. */
  current(companyId: CompanyId): Promise<Restriction | undefined>;
  /** Those that last, of linked numbers, latest first. */
  latest(limit: number): Promise<readonly (Restriction & Readonly<{ companyId: CompanyId }>)[]>;
  count(): Promise<number>;
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

export type ClientReplyJob = Readonly<{
  companyId: CompanyId;
  /** E.164 with `+`. */
  phone: string;
  answer: ClientReplyKind;
  whatsappMessageId: string;
  /** The WhatsApp id of the message that was quoted. */
  quotedId?: string;
}>;

/** An answer that the platform does not know yet. */
export type AttendanceWriteBackJob = Readonly<{
  companyId: CompanyId;
  recordId: number;
  reminderId: string;
  answer: AttendanceReply;
  /** Such as `answer:<WhatsApp id>`. */
  cause: string;
}>;

export type AttendanceReply = Extract<ClientReplyKind, 'yes' | 'no'>;

export type RecordedReply = Readonly<{
  reminderId: string;
  recordId: number;
  /** False: it was taken before. */
  isNew: boolean;
  /** It says something else than the answer before to the same reminder, or is the first. */
  isChanged: boolean;
}>;

export interface ClientReplies {
  /**
   * Finds the visit that an answer is about and writes the answer down with its event, once for each WhatsApp message: that
   * of the message that was quoted, else the one of which the client was reminded last. Undefined: it is about none.
   */
  record(
    companyId: CompanyId,
    reply: Pick<ClientReplyJob, 'phone' | 'whatsappMessageId' | 'quotedId'> &
      Readonly<{ answer: AttendanceReply }>,
  ): Promise<RecordedReply | undefined>;
}

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

/** Where a company wants to be told of what clients write. */
export type OutgoingWebhook = Readonly<{
  /** A UUID, another with each address. */
  version: string;
  url: string;
  /** `whsec_…`. The one before signs as well until its time. */
  secret: string;
  previousSecret?: string;
  previousSecretUntil?: Date;
  disabledAt?: Date;
  /** Since when nothing has been delivered. */
  failingSince?: Date;
  createdAt: Date;
}>;

export interface OutgoingWebhooks {
  get(companyId: CompanyId): Promise<OutgoingWebhook | undefined>;
  /**
   * Sets the address and enables it; the secret is taken when there was no webhook.
   * @returns whether there was none; undefined: the company is gone
   */
  save(companyId: CompanyId, url: string, secret: string): Promise<boolean | undefined>;
  /** @returns false when there is no webhook */
  rotate(companyId: CompanyId, secret: string, overlapHours: number): Promise<boolean>;
  remove(companyId: CompanyId): Promise<void>;
  /** @returns whether it was enabled until now */
  disable(companyId: CompanyId, version: string, cause: string): Promise<boolean>;
  /** @returns whether it has failed for so long, and that was not told before */
  recordFailure(companyId: CompanyId, version: string, alertAfterHours: number): Promise<boolean>;
  recordSuccess(companyId: CompanyId, version: string): Promise<void>;
}

/** One JSON text under one id, the same at each attempt. */
export type WebhookMessage = Readonly<{ id: string; body: string }>;

export type DeliveryResult =
  | Readonly<{ outcome: 'delivered' }>
  /** 410: the receiver wants no more. */
  | Readonly<{ outcome: 'gone' }>
  /** `reason` holds nothing of address, phone or text. */
  | Readonly<{ outcome: 'failed'; reason: string; retryAfterMs?: number }>
  /** Nothing was posted, since the receiver fails again and again; `reason`: how it failed last. */
  | Readonly<{ outcome: 'held'; reason: string; retryAfterMs: number }>;

export interface WebhookSender {
  /**
   * Does the work in one of the company's few lanes, so that a slow receiver holds up nobody else.
   * @returns how long to wait when all of them are taken; nothing has been done then
   */
  runLimited(
    companyId: CompanyId,
    work: () => Promise<void>,
  ): Promise<'done' | Readonly<{ retryAfterMs: number }>>;
  deliver(
    companyId: CompanyId,
    webhook: Readonly<{ version: string; url: string; secrets: readonly string[] }>,
    message: WebhookMessage,
  ): Promise<DeliveryResult>;
}
