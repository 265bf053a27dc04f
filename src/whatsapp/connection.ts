import type { ConnectionState, WASocket } from '@whiskeysockets/baileys';
import { withTimeout } from '../lib/with-timeout.ts';
import { phoneOfJid } from './addressing.ts';
import type { AuthState } from './auth-state.ts';
import { disconnectFrom, type Disconnect } from './disconnect-policy.ts';

export type ConnectionHandlers = Readonly<{
  qr: (text: string, isFirst: boolean) => void;
  /** The phone accepted this device; WhatsApp asks for a restart next. */
  linked: () => void;
  open: (connection: Connection) => void;
  closed: (connection: Connection, disconnect: Disconnect) => void;
}>;

export type ConnectionOptions = Readonly<{
  /** How long WhatsApp may take to show a QR code or to log in. */
  answerTimeoutMs: number;
  monotonicNow: () => number;
  handlers: ConnectionHandlers;
  /** The socket could not be closed cleanly. */
  endFailed: (error: unknown) => void;
}>;

const silence: Disconnect = { code: 408, message: 'No answer from WhatsApp', attributes: {} };
const restartNotAskedFor: Disconnect = { code: 515, message: 'Linked, and no restart came', attributes: {} };

/**
 * One socket with its credentials, and what it tells in our words. Baileys waits for ever when the server answers the
 * upgrade with an HTTP error, so a socket that stays silent counts as closed.
 */
export class Connection {
  readonly sock: WASocket;
  readonly auth: AuthState;
  readonly #handlers: ConnectionHandlers;
  readonly #answerTimeoutMs: number;
  readonly #monotonicNow: () => number;
  readonly #endFailed: (error: unknown) => void;
  #watchdog: NodeJS.Timeout | undefined;
  #qrCodes = 0;
  #openedAtMs: number | undefined;
  #ended = false;

  constructor(sock: WASocket, auth: AuthState, options: ConnectionOptions) {
    this.sock = sock;
    this.auth = auth;
    this.#handlers = options.handlers;
    this.#answerTimeoutMs = options.answerTimeoutMs;
    this.#monotonicNow = options.monotonicNow;
    this.#endFailed = options.endFailed;
    this.#expectAnswer(silence);
  }

  /** The linked number, E.164 with `+`; empty before. */
  get phone(): string {
    return phoneOfJid(this.auth.creds.me?.id) ?? '';
  }

  get wasOpen(): boolean {
    return this.#openedAtMs !== undefined;
  }

  get openForMs(): number {
    return this.#openedAtMs === undefined ? 0 : this.#monotonicNow() - this.#openedAtMs;
  }

  changed(update: Partial<ConnectionState>): void {
    if (this.#ended) return;
    if (update.qr !== undefined) {
      clearTimeout(this.#watchdog);
      this.#qrCodes += 1;
      this.#handlers.qr(update.qr, this.#qrCodes === 1);
    }
    if (update.isNewLogin === true) {
      this.#expectAnswer(restartNotAskedFor);
      this.#handlers.linked();
    }
    if (update.connection === 'open') {
      clearTimeout(this.#watchdog);
      this.#openedAtMs = this.#monotonicNow();
      this.#handlers.open(this);
    }
    if (update.connection === 'close') {
      clearTimeout(this.#watchdog);
      this.#handlers.closed(this, disconnectFrom(update.lastDisconnect?.error));
    }
  }

  /**
   * Closes the socket, keeps the device linked, and is deaf from then on. Does not wait: a dead peer takes Baileys 30 s.
   */
  end(): void {
    clearTimeout(this.#watchdog);
    this.#ended = true;
    this.sock.end(undefined).catch(this.#endFailed);
  }

  /** Tells WhatsApp to forget this device, as far as WhatsApp can be reached. */
  async unlink(timeoutMs: number): Promise<void> {
    try {
      await withTimeout(this.sock.logout(), timeoutMs);
    } catch (error) {
      this.#endFailed(error);
    }
  }

  #expectAnswer(otherwise: Disconnect): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#handlers.closed(this, otherwise), this.#answerTimeoutMs);
  }
}
