import type { Booking, KnownBooking, Told } from '../domain/booking.ts';
import type { BusinessType } from '../domain/business-type.ts';
import type { Company, IntegrationStatus, Language } from '../domain/company.ts';
import type { CompanyId, SalonId } from '../domain/ids.ts';
import type { Message, MessageKind, MessageStatus, NewMessage } from '../domain/message.ts';
import type { NotificationSettings } from '../domain/notification-settings.ts';
import type { PaceLimits } from '../domain/pacing.ts';
import type { SessionState, SessionStatus } from '../domain/session-state.ts';

/** What the use cases need from the outside. Types only: this file has no runtime. */

export type NewCompany = Readonly<{
  salonId: SalonId;
  title: string;
  businessType: BusinessType;
  timeZone: string | undefined;
  language: Language;
  /** The platform's number of the person who connected the salon. An uninstalled company takes the new one. */
  ownerUserId?: number;
  /** Stored encrypted, found again by its hash. */
  apiKey: string;
  webhookSecret: string;
}>;

export type CompanySecrets = Readonly<{ apiKey: string; webhookSecret: string }>;

export type ConnectionStats = Readonly<{
  total: number;
  connected: number;
  pending: number;
  disconnected: number;
  byStatus: Readonly<Partial<Record<IntegrationStatus, number>>>;
  last24h: Readonly<{ newConnections: number; disconnections: number }>;
}>;

export interface Companies {
  /**
   * Idempotent by salon; an existing company keeps its secrets and its owner, gets the fresh title, type and zone. An
   * uninstalled one starts again as `pending_whatsapp`, with the new owner, new secrets and no WhatsApp.
   */
  createOrFind(company: NewCompany): Promise<Readonly<{ company: Company; created: boolean }>>;
  byId(id: CompanyId): Promise<Company | undefined>;
  bySalonId(salonId: SalonId): Promise<Company | undefined>;
  byApiKey(apiKey: string): Promise<Company | undefined>;
  secretsOf(id: CompanyId): Promise<CompanySecrets | undefined>;
  /** Writes the change and its event in one transaction; undefined when `to` cannot be reached from the present status. */
  moveIntegration(id: CompanyId, to: IntegrationStatus, cause: string): Promise<Company | undefined>;
  /** Writes the session's state and its event in one transaction; the same state again writes no event. */
  recordSession(
    id: CompanyId,
    session: Readonly<{ state: SessionState; cause?: string; phone?: string }>,
  ): Promise<Company | undefined>;
  /** Companies whose integration has one of the statuses, oldest first. */
  withStatus(statuses: readonly IntegrationStatus[]): Promise<readonly Company[]>;
  stats(): Promise<ConnectionStats>;
  /** Until when the platform's changes have been read; undefined: never. */
  reconciledUntil(id: CompanyId): Promise<Date | undefined>;
  /** Never goes back. */
  setReconciled(id: CompanyId, until: Date): Promise<void>;
}

export type MarketplaceEvent = Readonly<{
  companyId: CompanyId;
  /** snake_case, such as `webhook_processed`. */
  type: string;
  /** What made it happen, such as `webhook:<job id>`. */
  cause: string;
  /** Numbers and words; never a phone, a name or a text. */
  detail?: Readonly<Record<string, string | number | boolean | null>>;
}>;

export type RecordedEvent = MarketplaceEvent & Readonly<{ id: number; createdAt: Date }>;

export interface Events {
  record(event: MarketplaceEvent): Promise<void>;
  /** Newest first. */
  latest(companyId: CompanyId, limit: number): Promise<readonly RecordedEvent[]>;
  /** The latest type among these. */
  latestType(companyId: CompanyId, types: readonly string[]): Promise<string | undefined>;
  /** What happened to one booking, in its order. */
  ofRecord(companyId: CompanyId, recordId: number, limit: number): Promise<readonly RecordedEvent[]>;
}

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
  /** Records whose visit is not over by `from` (local time of the salon) and not cancelled, in ascending order. */
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

export interface Settings {
  of(companyId: CompanyId): Promise<NotificationSettings>;
  /** Writes its event in the same transaction. */
  save(companyId: CompanyId, settings: NotificationSettings, cause: string): Promise<void>;
}

/** The right to act for a company's WhatsApp session, by the database clock. `token` grows with each grant. */
export type Lease = Readonly<{ companyId: CompanyId; owner: string; token: number }>;

export interface Leases {
  /** undefined while another owner's lease has not run out. The same owner gets its own lease again with a new token. */
  acquire(companyId: CompanyId, owner: string, ttlMs: number): Promise<Lease | undefined>;
  /** false: lost. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  release(lease: Lease): Promise<void>;
}

/** A message to send now; or when to look again, undefined when nothing waits or the lease is not ours any more. */
export type Claim =
  | Readonly<{ message: Message }>
  | Readonly<{ message?: undefined; dueAt: Date | undefined }>;

export interface Messages {
  /** The same idempotency key again returns the message that exists. Undefined: the person wants no messages. */
  enqueue(message: NewMessage, cause: string): Promise<Message | undefined>;
  byId(companyId: CompanyId, id: string): Promise<Message | undefined>;
  /** The text that was sent under this WhatsApp id: a recipient that could not read it asks again. */
  textOf(companyId: CompanyId, whatsappMessageId: string): Promise<string | undefined>;
  /**
   * Takes the oldest message that is due and within the limits, makes it `sending` under the lease and notes what it tells
   * its client, in one transaction. Messages left in `sending` under an older token come first, with the id they already
   * have, `maxAttempts` times at most. Messages to one client never overtake each other.
   */
  claim(
    lease: Lease,
    options: Readonly<{
      /** Undefined: none. */
      limits: PaceLimits | undefined;
      /** Drawn for this message: the gap before the company's next one. */
      gapMs: number;
      maxAttempts: number;
      /** Set while the salon's quiet hours last: their end. */
      quietUntil?: Date;
    }>,
  ): Promise<Claim>;
  /** The reminder that the person got last and whose visit is still to come, for an answer to it. */
  latestReminder(
    companyId: CompanyId,
    phone: string,
  ): Promise<Readonly<{ messageId: string; recordId: number }> | undefined>;
  /** What waits in all companies. */
  waiting(): Promise<Readonly<{ queued: number; sending: number; oldestDueAt: Date | undefined }>>;
  /** Back to `queued` because nothing left this machine. */
  release(lease: Lease, id: string, retryAfterMs: number): Promise<void>;
  /** WhatsApp has been given the message: from now on its ack is waited for. */
  handedOver(lease: Lease, id: string): Promise<void>;
  /** Moves the status forward only; true when it moved. */
  advance(
    companyId: CompanyId,
    whatsappMessageId: string,
    to: MessageStatus,
    errorCode?: string,
  ): Promise<boolean>;
  /**
   * What has waited longer than `ackTimeoutMs` for its ack under this lease becomes `unknown`, and what was left in `sending`
   * under an older one and is past its use or its `maxAttempts`. Returns their WhatsApp ids.
   */
  giveUpWaiting(
    lease: Lease,
    options: Readonly<{ ackTimeoutMs: number; maxAttempts: number }>,
  ): Promise<readonly string[]>;
  /** Queued messages of all companies that are past their use become `expired`. */
  expire(): Promise<readonly Readonly<{ companyId: CompanyId; whatsappMessageId: string }>[]>;
}

/** Tells whoever holds something open for a company that its tokens are good no longer. */
export interface Revocations {
  emit(name: 'revoked', companyId: CompanyId): unknown;
  on(name: 'revoked', listener: (companyId: CompanyId) => void): unknown;
}

/** Connect-page tokens that were issued; only their hash is kept. */
export interface ConnectTokens {
  save(tokenHash: string, companyId: CompanyId, expiresAt: Date): Promise<void>;
  isValid(tokenHash: string, companyId: CompanyId): Promise<boolean>;
  revokeAll(companyId: CompanyId): Promise<void>;
}

/** Encrypted WhatsApp credentials as rows; what is inside is not storage's business. */
export interface CredentialRows {
  read(companyId: CompanyId, type: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * All changes in one transaction; `value: null` deletes.
   * @throws LeaseLostError when a newer token has been seen
   */
  write(lease: Lease, changes: readonly CredentialChange[]): Promise<void>;
  /** Companies that have credentials. */
  companies(): Promise<readonly CompanyId[]>;
  /** @throws LeaseLostError when a newer token has been seen */
  erase(lease: Lease): Promise<void>;
}

export type CredentialChange = Readonly<{ type: string; id: string; value: Uint8Array | null }>;

export type QueueName =
  | 'webhooks'
  | 'activation'
  | 'disconnection'
  /** What clients answered. */
  | 'answers'
  /** Plans of a company's messages to be made anew. */
  | 'replanning'
  /** Changes that no webhook told of. */
  | 'reconciliation';

/** A job that failed for good. */
export type DeadLetter = Readonly<{
  id: string;
  queue: QueueName;
  key: string;
  reason: Readonly<{ name: string; message: string }>;
  attempts: number;
  buriedAt: Date;
}>;

export type NewJob = Readonly<{
  /** A UUID; a job with an id seen before is ignored. Absent: random. */
  id?: string;
  /** Jobs with the same key run one after another, in the order of insertion. */
  key: string;
  data: Readonly<Record<string, unknown>>;
}>;

export type Job = Readonly<{ id: string; key: string; data: unknown; attempt: number }>;

export type JobHandler = (job: Job) => Promise<void>;

export type BuriedHandler = (job: Job, reason: unknown) => Promise<void>;

export interface JobQueue {
  /** One statement for all jobs; durable when it resolves. */
  insert(queue: QueueName, jobs: readonly NewJob[]): Promise<void>;
  /**
   * Retries with back-off when the handler throws, then the dead-letter queue with the reason, of which `onBuried` is told.
   * A `DB_ERROR` that is worth a retry is not the job's fault: it does not count.
   */
  work(queue: QueueName, handler: JobHandler, onBuried?: BuriedHandler): Promise<void>;
  /** Jobs of the key that wait for their next attempt have it now. */
  hurry(queue: QueueName, key: string): Promise<void>;
  /** Newest first. */
  deadLetters(queue: QueueName, limit: number): Promise<readonly DeadLetter[]>;
  /** Puts a dead letter back into its queue with fresh attempts. False: there is none with this id. */
  replay(queue: QueueName, id: string): Promise<boolean>;
}

export type SalonInfo = Readonly<{
  id: SalonId;
  title: string;
  shortDescription: string;
  /** As the platform writes it. */
  phone: string | undefined;
  city: string | undefined;
  timeZone: string | undefined;
  businessTypeId: number | undefined;
  /** Title of the business type in the platform's dictionary, when it is known. */
  businessTypeTitle: string | undefined;
  /** Titles of services, as far as they are known; helps to tell the business type. */
  serviceTitles: readonly string[];
}>;

/** `uninstalled` also stands for a salon that never installed the application. */
export type ApplicationStatus = 'pending' | 'active' | 'freezed' | 'uninstalled';

export interface YclientsPlatform {
  getCompany(salonId: SalonId): Promise<SalonInfo>;
  getApplicationStatus(salonId: SalonId): Promise<ApplicationStatus>;
  /** `POST /marketplace/partner/callback`; never retried inside: ask for the status before trying again. */
  activate(
    installation: Readonly<{ salonId: SalonId; apiKey: string; webhookUrls: readonly string[] }>,
  ): Promise<'activated' | 'already_installed'>;
  /** `data` of the platform's record; undefined when it has none with this number. @throws AppError `FORBIDDEN`, `UPSTREAM_ERROR` */
  getRecord(salonId: SalonId, recordId: number): Promise<unknown>;
  /** One page of records, deleted ones included; `data` of each. @throws AppError */
  listRecords(
    salonId: SalonId,
    query: Readonly<{ changedAfter: Date } | { startDate: string }> &
      Readonly<{ page: number; count: number }>,
  ): Promise<readonly unknown[]>;
  /** Writes back what a client answered; the record is read again first. @throws AppError `FORBIDDEN` without the right */
  markRecord(
    salonId: SalonId,
    recordId: number,
    mark: Readonly<{ attendance?: 2; comment?: string }>,
  ): Promise<void>;
  /** The addresses to which the platform posts the salon's events. @throws AppError */
  webhookUrls(salonId: SalonId): Promise<readonly string[]>;
}

/** A QR code that a phone can scan now. */
export type QrCode = Readonly<{
  /** What Baileys issued, to the letter: a secret. */
  text: string;
  /** Counts up within one pairing. */
  sequence: number;
  expiresAt: Date;
}>;

export type WhatsAppEvents = {
  qr: [companyId: CompanyId, qr: QrCode];
  state: [companyId: CompanyId, status: SessionStatus];
  connected: [companyId: CompanyId, session: Readonly<{ phone: string; firstTime: boolean }>];
  disconnected: [companyId: CompanyId, reason: string, willReconnect: boolean];
  'message-status': [
    companyId: CompanyId,
    update: Readonly<{ whatsappMessageId: string; status: MessageStatus; errorCode?: string }>,
  ];
  /** A text from a private chat. `phone` is E.164 with `+`. */
  received: [
    companyId: CompanyId,
    message: Readonly<{ whatsappMessageId: string; phone: string; text: string }>,
  ];
};

/** The sessions, as the use cases see them. */
export interface WhatsApp {
  /** The live code; starts a pairing when none runs. @throws AppError `QR_EXPIRED`, `CONNECTION_FAILED`, `FORBIDDEN` when connected */
  generateQRForCompany(companyId: CompanyId): Promise<QrCode>;
  /** Links by an eight-letter code typed on the phone. @throws AppError */
  requestPairingCode(
    companyId: CompanyId,
    phone: string,
  ): Promise<Readonly<{ code: string; expiresAt: Date }>>;
  getSessionStatus(companyId: CompanyId): SessionStatus;
  /** Resolves when the bytes are on the wire; the truth comes as `message-status`. @throws AppError `CONNECTION_FAILED` when nothing left */
  sendMessage(
    companyId: CompanyId,
    phone: string,
    text: string,
    options?: Readonly<{ messageId?: string; typingMs?: number }>,
  ): Promise<Readonly<{ messageId: string }>>;
  /** Unlinks the device, erases the credentials. Idempotent. */
  disconnectSession(companyId: CompanyId): Promise<void>;
  getActiveSessions(): readonly Readonly<{ companyId: CompanyId; status: SessionStatus }>[];
  /** The lease under which the session of the company runs here, if it does. */
  leaseOf(companyId: CompanyId): Lease | undefined;
  on<Name extends keyof WhatsAppEvents>(
    name: Name,
    listener: (...args: WhatsAppEvents[Name]) => void,
  ): unknown;
}

/** A QR code with its picture, a `data:image/png;base64,` URL. */
export type RenderedQr = QrCode & Readonly<{ qr: string }>;

export interface QrRenderer {
  /** @returns a `data:image/png;base64,` URL */
  render(text: string): Promise<string>;
}
