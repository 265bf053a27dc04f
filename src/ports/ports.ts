import type { BusinessType } from '../domain/company/business-type.ts';
import type { Company, IntegrationStatus, Language } from '../domain/company/company.ts';
import type { CompanyId, SalonId } from '../domain/ids.ts';
import type { MessageStatus } from '../domain/notification/message.ts';
import type { ReachoutTimelock, ReachoutTimelockSource } from '../domain/notification/restriction.ts';
import type { SessionState, SessionStatus } from '../domain/company/session-state.ts';

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
  getSecrets(id: CompanyId): Promise<CompanySecrets | undefined>;
  /** Writes the change and its event in one transaction; undefined when `to` cannot be reached from the present status. */
  transitionIntegration(id: CompanyId, to: IntegrationStatus, cause: string): Promise<Company | undefined>;
  /** Writes the session's state and its event in one transaction; the same state again writes no event. */
  recordSession(
    id: CompanyId,
    session: Readonly<{ state: SessionState; cause?: string; phone?: string }>,
  ): Promise<Company | undefined>;
  /** Companies whose integration has one of the statuses, oldest first. */
  withStatus(statuses: readonly IntegrationStatus[]): Promise<readonly Company[]>;
  /** Installed ones whose WhatsApp has been lost, refused or stopped, longest first. */
  withoutWhatsApp(limit: number): Promise<readonly Company[]>;
  stats(): Promise<ConnectionStats>;
}

/** How far the platform's changes of each company have been read. */
export interface SyncCursors {
  /**
   * A job begins to read: what happens from now on is for the next one.
   * @param job the same at each attempt
   * @returns until when the last good one has read; undefined: never
   */
  begin(companyId: CompanyId, job: string): Promise<Date | undefined>;
  finish(companyId: CompanyId, until: Date): Promise<void>;
  /** How many jobs have begun, of each company. */
  runCounts(companyIds: readonly CompanyId[]): Promise<ReadonlyMap<CompanyId, number>>;
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
  byRecord(companyId: CompanyId, recordId: number, limit: number): Promise<readonly RecordedEvent[]>;
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
  /** What clients wrote, for the company's own webhook. */
  | 'forwarding'
  /** Changes that no webhook told of. */
  | 'reconciliation';

/** A job that failed for good. */
export type DeadLetter = Readonly<{
  id: string;
  queue: QueueName;
  key: string;
  reason: Readonly<{ name: string; message: string }>;
  attempts: number;
  deadLetteredAt: Date;
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

export type DeadLetterHandler = (job: Job, reason: unknown) => Promise<void>;

export interface JobQueue {
  /** One statement for all jobs; durable when it resolves. */
  insert(queue: QueueName, jobs: readonly NewJob[]): Promise<void>;
  /**
   * Retries with back-off when the handler throws, then the dead-letter queue with the reason, of which `onBuried` is told.
   * A `DB_ERROR` that is worth a retry is not the job's fault: it does not count.
   */
  work(queue: QueueName, handler: JobHandler, onDeadLetter?: DeadLetterHandler): Promise<void>;
  /** Jobs of the key that wait for their next attempt have it now. */
  runNow(queue: QueueName, key: string): Promise<void>;
  /** How many jobs are still to be done, of all keys or of those that begin so, and how long the oldest has waited. */
  backlog(
    queue: QueueName,
    keyPrefix?: string,
  ): Promise<Readonly<{ jobs: number; oldestAgeSeconds: number }>>;
  /** Newest first. */
  deadLetters(queue: QueueName, limit: number): Promise<readonly DeadLetter[]>;
  /** Puts a dead letter back into its queue with fresh attempts. False: there is none with this id. */
  replay(queue: QueueName, id: string): Promise<boolean>;
}

/** Eight characters that link when they are typed on the phone of that number in time. */
export type PairingCode = Readonly<{ code: string; phone: string; expiresAt: Date }>;

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
  /** WhatsApp has agreed to the code; or, where its time is over, may not know it any more. */
  'pairing-code': [companyId: CompanyId, code: PairingCode];
  state: [companyId: CompanyId, status: SessionStatus];
  connected: [companyId: CompanyId, session: Readonly<{ phone: string; firstTime: boolean }>];
  disconnected: [companyId: CompanyId, reason: string, willReconnect: boolean];
  'message-status': [
    companyId: CompanyId,
    update: Readonly<{ whatsappMessageId: string; status: MessageStatus; errorCode?: string }>,
  ];
  received: [companyId: CompanyId, message: ReceivedText];
  /** A stanza came that nobody had asked for. */
  inbound: [companyId: CompanyId];
  /** A message was written to the socket; whether WhatsApp has it comes as `message-status`. */
  'message-dispatched': [companyId: CompanyId, whatsappMessageId: string];
  /** WhatsApp says whether the number may start chats: unasked, or so late that who asked has given up. */
  'reachout-timelock': [companyId: CompanyId, lock: ReachoutTimelock, source: ReachoutTimelockSource];
};

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

/** The sessions, as the use cases see them. */
export interface WhatsApp {
  /** The live code; starts a pairing when none runs. @throws AppError `QR_EXPIRED`, `CONNECTION_FAILED`, `FORBIDDEN` when connected */
  generateQRForCompany(companyId: CompanyId): Promise<QrCode>;
  /** Links by an eight-letter code typed on the phone. @throws AppError */
  requestPairingCode(companyId: CompanyId, phone: string): Promise<PairingCode>;
  getSessionStatus(companyId: CompanyId): SessionStatus;
  /** Resolves when the bytes are on the wire; the truth comes as `message-status`. @throws AppError `CONNECTION_FAILED` when nothing left */
  sendMessage(
    companyId: CompanyId,
    phone: string,
    text: string,
    options?: Readonly<{ messageId?: string; typingMs?: number }>,
  ): Promise<Readonly<{ messageId: string }>>;
  /** Whether the number may start chats; undefined: no answer, or not connected. */
  fetchReachoutTimelock(companyId: CompanyId): Promise<ReachoutTimelock | undefined>;
  /** Unlinks the device, erases the credentials. Idempotent. */
  disconnectSession(companyId: CompanyId): Promise<void>;
  getActiveSessions(): readonly Readonly<{ companyId: CompanyId; status: SessionStatus }>[];
  /** The lease under which the session of the company runs here, if it does. */
  getLease(companyId: CompanyId): Lease | undefined;
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
