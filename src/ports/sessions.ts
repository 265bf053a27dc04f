import type { SessionStatus } from '../domain/company/session-state.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { MessageStatus } from '../domain/notification/message.ts';
import type { ReachoutTimelock, ReachoutTimelockSource } from '../domain/notification/restriction.ts';
import type { ReceivedText } from './received-messages.ts';

/** Exclusive right to run a company's WhatsApp session, by the database clock. `token` increases with each grant. */
export type Lease = Readonly<{ companyId: CompanyId; owner: string; token: number }>;

/** Leases with fencing tokens. */
export interface Leases {
  /** Grants a new token, also to the current owner. @returns undefined while another owner's lease is valid */
  acquire(companyId: CompanyId, owner: string, ttlMs: number): Promise<Lease | undefined>;
  /** @returns false if the lease is lost */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  /** Ends the lease; no-op if it is lost. */
  release(lease: Lease): Promise<void>;
}

/** Eight characters to type on the phone of this number before `expiresAt`. */
export type PairingCode = Readonly<{ code: string; phone: string; expiresAt: Date }>;

/** A valid QR code. */
export type QrCode = Readonly<{
  /** As issued by Baileys; a secret. */
  text: string;
  /** Increases within one pairing. */
  sequence: number;
  expiresAt: Date;
}>;

/** Reported by WhatsApp for a message that was sent. */
export type MessageStatusUpdate = Readonly<{
  whatsappMessageId: string;
  status: MessageStatus;
  errorCode?: string;
}>;

export type WhatsAppEvents = {
  qr: [companyId: CompanyId, qr: QrCode];
  /** WhatsApp accepted the code, or the code has expired. */
  'pairing-code': [companyId: CompanyId, code: PairingCode];
  state: [companyId: CompanyId, status: SessionStatus];
  connected: [companyId: CompanyId, session: Readonly<{ phone: string; firstTime: boolean }>];
  disconnected: [companyId: CompanyId, reason: string, willReconnect: boolean];
  'message-status': [companyId: CompanyId, update: MessageStatusUpdate];
  received: [companyId: CompanyId, message: ReceivedText];
  /** A stanza arrived that answers no request. */
  inbound: [companyId: CompanyId];
  /** A message was written to the socket; the ack follows as `message-status`. */
  'message-dispatched': [companyId: CompanyId, whatsappMessageId: string];
  /** WhatsApp reported the timelock unprompted, or after the query had timed out. */
  'reachout-timelock': [companyId: CompanyId, lock: ReachoutTimelock, source: ReachoutTimelockSource];
};

/** The WhatsApp sessions of this process. */
export interface WhatsApp {
  /** The current code; starts a pairing if none runs. @throws AppError `QR_EXPIRED`, `CONNECTION_FAILED`, `FORBIDDEN` when connected */
  generateQRForCompany(companyId: CompanyId): Promise<QrCode>;
  /** Starts a pairing by code. @throws AppError */
  requestPairingCode(companyId: CompanyId, phone: string): Promise<PairingCode>;
  /** `idle` for a company without a session in this process. */
  getSessionStatus(companyId: CompanyId): SessionStatus;
  /** Resolves when written to the socket; the ack follows as `message-status`. @throws AppError `CONNECTION_FAILED` if nothing was sent */
  sendMessage(
    companyId: CompanyId,
    phone: string,
    text: string,
    options?: Readonly<{ messageId?: string; typingMs?: number }>,
  ): Promise<Readonly<{ messageId: string }>>;
  /** Queries whether the number may start chats. @returns undefined without an answer or a connection */
  fetchReachoutTimelock(companyId: CompanyId): Promise<ReachoutTimelock | undefined>;
  /** Unlinks the device and erases the credentials. Idempotent. */
  disconnectSession(companyId: CompanyId): Promise<void>;
  /** All sessions of this process. */
  getActiveSessions(): readonly Readonly<{ companyId: CompanyId; status: SessionStatus }>[];
  /** Lease of the company's session in this process. */
  getLease(companyId: CompanyId): Lease | undefined;
  /** Subscribes to an event. */
  on<Name extends keyof WhatsAppEvents>(
    name: Name,
    listener: (...args: WhatsAppEvents[Name]) => void,
  ): unknown;
}

/** `qr` is the code as a `data:image/png;base64,` URL. */
export type RenderedQr = QrCode & Readonly<{ qr: string }>;

export interface QrRenderer {
  /** @returns a `data:image/png;base64,` URL */
  render(text: string): Promise<string>;
}
