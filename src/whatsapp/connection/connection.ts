import type { BinaryNode, ConnectionState, WASocket } from '@whiskeysockets/baileys';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import { jidToPhone } from '../messages/jid-resolver.ts';
import type { AuthState } from '../credentials/auth-state.ts';
import type { ClientVersionNumber } from './client-version.ts';
import { parseDisconnect, type Disconnect, passkeyMissing } from '../session/disconnect-policy.ts';
import { AdvSecret, watchRegistrationNotifications } from '../pairing/adv-secret.ts';
import type { QrKind } from '../pairing/pairing.ts';

export type ConnectionHandlers = Readonly<{
  onQr: (text: string, kind: QrKind) => void;
  /** The account asks for a passkey: no code of this socket will link it. */
  onPasskeyRequired: () => void;
  /** The phone accepted this device; WhatsApp asks for a restart next. */
  onLinked: () => void;
  onOpen: (connection: Connection) => void;
  onClosed: (connection: Connection, disconnect: Disconnect) => void;
}>;

export type ConnectionOptions = Readonly<{
  /** What the socket announces. */
  version: ClientVersionNumber;
  /** How long WhatsApp may take to show a QR code or to log in. */
  responseTimeoutMs: number;
  /** How long a QR code lasts at most; then the next one must come, or the end. */
  qrLifetimeMs: number;
  /** How long a socket is kept on which a passkey was asked for. */
  passkeyTimeoutMs: number;
  monotonicMs: () => number;
  handlers: ConnectionHandlers;
  /** The socket could not be closed cleanly. */
  onEndError: (error: unknown) => void;
  /** A new secret was not acknowledged. */
  onSecretRotationError: (error: unknown) => void;
}>;

const responseTimedOut: Disconnect = { code: 408, message: 'No response from WhatsApp', attributes: {} };
const restartNotRequested: Disconnect = {
  code: 515,
  message: 'Restart not requested after linking',
  attributes: {},
};

/**
 * One socket with its credentials, and what it tells in our words. Baileys waits for ever when the server answers the
 * upgrade with an HTTP error, so a socket that stays silent counts as closed.
 */
export class Connection {
  readonly sock: WASocket;
  readonly auth: AuthState;
  readonly version: ClientVersionNumber;
  readonly #options: ConnectionOptions;
  readonly #advSecret: AdvSecret;
  #watchdog: NodeJS.Timeout | undefined;
  #lastQr: string | undefined;
  #needsPasskey = false;
  #openedAtMs: number | undefined;
  #ended = false;

  constructor(sock: WASocket, auth: AuthState, options: ConnectionOptions) {
    this.sock = sock;
    this.auth = auth;
    this.version = options.version;
    this.#options = options;
    this.#advSecret = new AdvSecret(sock);
    watchRegistrationNotifications(sock, {
      onSecretRefresh: (notification) => this.#handleSecretRefresh(notification),
      onPasskeyRequired: () => this.#handlePasskeyRequired(),
    });
    this.#restartWatchdog(responseTimedOut);
  }

  /** The linked number, E.164 with `+`; empty before. */
  get phone(): string {
    return jidToPhone(this.auth.creds.me?.id) ?? '';
  }

  get wasOpen(): boolean {
    return this.#openedAtMs !== undefined;
  }

  get openForMs(): number {
    return this.#openedAtMs === undefined ? 0 : this.#options.monotonicMs() - this.#openedAtMs;
  }

  handleUpdate(update: Partial<ConnectionState>): void {
    // After a device's first login Baileys waits for the history up to 20 s.
    if (update.receivedPendingNotifications === true || update.connection === 'close')
      this.#flushBufferedEvents();
    if (this.#ended) return;
    const { handlers, monotonicMs } = this.#options;
    if (update.qr !== undefined && !this.#needsPasskey) {
      this.#restartWatchdog(responseTimedOut, this.#options.qrLifetimeMs + this.#options.responseTimeoutMs);
      handlers.onQr(this.#advSecret.applyTo(update.qr), this.#lastQr === undefined ? 'first' : 'next');
      this.#lastQr = update.qr;
    }
    if (update.isNewLogin === true) {
      this.#needsPasskey = false;
      this.#restartWatchdog(restartNotRequested);
      handlers.onLinked();
    }
    if (update.connection === 'open') {
      clearTimeout(this.#watchdog);
      this.#openedAtMs = monotonicMs();
      handlers.onOpen(this);
    }
    if (update.connection === 'close') {
      clearTimeout(this.#watchdog);
      const disconnect = parseDisconnect(update.lastDisconnect?.error);
      handlers.onClosed(this, this.#needsPasskey ? passkeyMissing : disconnect);
    }
  }

  /**
   * Closes the socket, keeps the device linked, and is deaf from then on. Does not wait: a dead peer takes Baileys 30 s.
   */
  end(): void {
    clearTimeout(this.#watchdog);
    this.#flushBufferedEvents();
    this.#ended = true;
    this.sock.end(undefined).catch(this.#options.onEndError);
  }

  /** Tells WhatsApp to forget this device, as far as WhatsApp can be reached. */
  async unlink(timeoutMs: number): Promise<void> {
    try {
      await withTimeout(this.sock.logout(), timeoutMs);
    } catch (error) {
      this.#options.onEndError(error);
    }
  }

  /** Baileys holds events back after a login, and throws them away at the end: texts too that WhatsApp was told to be done with. */
  #flushBufferedEvents(): void {
    this.sock.ev.flush();
  }

  #handleSecretRefresh(notification: BinaryNode): void {
    if (this.#ended || this.auth.isLinked) return;
    this.#advSecret.rotate(notification).catch(this.#options.onSecretRotationError);
    if (this.#lastQr !== undefined)
      this.#options.handlers.onQr(this.#advSecret.applyTo(this.#lastQr), 'renewed');
  }

  #handlePasskeyRequired(): void {
    if (this.#ended || this.#needsPasskey || this.auth.isLinked) return;
    this.#needsPasskey = true;
    this.#restartWatchdog(passkeyMissing, this.#options.passkeyTimeoutMs);
    this.#options.handlers.onPasskeyRequired();
  }

  #restartWatchdog(disconnect: Disconnect, timeoutMs = this.#options.responseTimeoutMs): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#options.handlers.onClosed(this, disconnect), timeoutMs);
  }
}
