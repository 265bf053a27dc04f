import type { CompanyId } from '../domain/ids.ts';
import type { MessageStatus } from '../domain/notification/message.ts';
import type { ReachoutTimelock, ReachoutTimelockSource } from '../domain/notification/restriction.ts';
import type { SessionStatus } from '../domain/company/session-state.ts';
import type { ReceivedText } from './received-messages.ts';

/** The right to act for a company's WhatsApp session, by the database clock. `token` grows with each grant. */
export type Lease = Readonly<{ companyId: CompanyId; owner: string; token: number }>;

export interface Leases {
  /** undefined while another owner's lease has not run out. The same owner gets its own lease again with a new token. */
  acquire(companyId: CompanyId, owner: string, ttlMs: number): Promise<Lease | undefined>;
  /** false: lost. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  release(lease: Lease): Promise<void>;
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
