import type { DefaultEventsMap, Namespace, Server, Socket } from 'socket.io';
import type { SessionState } from '../domain/company/session-state.ts';
import type { ErrorCode } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { Language } from '../domain/language.ts';

/** The acknowledgement callback of a client event. */
export type Ack = (result: Readonly<{ ok: boolean; code?: ErrorCode }>) => void;

/** Client to server. Payloads are untrusted; each handler validates its own. */
export type ClientEvents = {
  'request-qr': (...args: unknown[]) => void;
  'request-pairing-code': (...args: unknown[]) => void;
};

/** Server to client. Times are ISO 8601 in UTC, durations whole seconds. */
export type ServerEvents = {
  'qr-update': (
    qr: Readonly<{ qr: string; expiresIn: number; expiresAt: string; sequence: number; text: string }>,
  ) => void;
  'pairing-code': (pairing: Readonly<{ code: string; phone: string; expiresIn: number }>) => void;
  'whatsapp-connected': (
    connected: Readonly<{ success: true; phone: string; companyId: CompanyId; message: string }>,
  ) => void;
  'whatsapp-disconnected': (
    disconnected: Readonly<{ companyId: CompanyId; reason: string; willReconnect: boolean }>,
  ) => void;
  'session-state': (session: Readonly<{ state: SessionState; since: string; detail?: string }>) => void;
  error: (payload: ErrorPayload) => void;
};

/** The body of an `error` event and, as `err.data`, of a `connect_error`. `retryAfter` in seconds. */
export type ErrorPayload = Readonly<{ code: ErrorCode; message: string; retryAfter?: number }>;

/** Set by the handshake. */
export type SocketData = { companyId: CompanyId; language: Language };

export type MarketplaceSocketServer = Server<ClientEvents, ServerEvents, DefaultEventsMap, SocketData>;
export type MarketplaceNamespace = Namespace<ClientEvents, ServerEvents, DefaultEventsMap, SocketData>;
export type MarketplaceClient = Socket<ClientEvents, ServerEvents, DefaultEventsMap, SocketData>;

/** The payload of a server event. */
export type ServerEventPayload<Name extends keyof ServerEvents> = Parameters<ServerEvents[Name]>[0];
