import type { BinaryNode, ConnectionState, WASocket } from '@whiskeysockets/baileys';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import type { AuthState } from '../credentials/auth-state.ts';
import { jidToPhone } from '../messages/jid-resolver.ts';
import { AdvSecret, watchRegistrationNotifications } from '../pairing/adv-secret.ts';
import type { QrKind } from '../pairing/pairing.ts';
import { parseDisconnect, type Disconnect, passkeyMissing } from '../session/disconnect-policy.ts';
import type { ClientVersionNumber } from './client-version.ts';

export type ConnectionHandlers = Readonly<{
  onQr: (text: string, kind: QrKind) => void;
  /** WhatsApp requires a passkey: no code of this socket can link the account. */
  onPasskeyRequired: () => void;
  /** The phone accepted this device. WhatsApp requests a restart (515) next. */
  onLinked: () => void;
  onOpen: (connection: Connection) => void;
  onClosed: (connection: Connection, disconnect: Disconnect) => void;
}>;

export type ConnectionOptions = Readonly<{
  version: ClientVersionNumber;
  /** How long WhatsApp may take to send a QR code or to log in. */
  responseTimeoutMs: number;
  /** Maximum lifetime of a QR code; the next one or a close must follow. */
  qrLifetimeMs: number;
  /** How long the socket stays open after WhatsApp required a passkey. */
  passkeyTimeoutMs: number;
  monotonicMs: () => number;
  handlers: ConnectionHandlers;
  /** Closing the socket or logging out failed. */
  onEndError: (error: unknown) => void;
  /** The acknowledgement of a secret refresh could not be sent. */
  onSecretRotationError: (error: unknown) => void;
}>;

const responseTimedOut: Disconnect = { code: 408, message: 'No response from WhatsApp', attributes: {} };
const restartNotRequested: Disconnect = {
  code: 515,
  message: 'Restart not requested after linking',
  attributes: {},
};

/**
 * One socket with its credentials. Translates Baileys' connection updates to `ConnectionHandlers`. Baileys waits without limit
 * after an HTTP error during the upgrade, so a socket without a response counts as closed.
 */
export class Connection {
  readonly sock: WASocket;
  readonly auth: AuthState;
  readonly version: ClientVersionNumber;
  readonly #options: ConnectionOptions;
  readonly #advSecret: AdvSecret;
  #responseTimer: NodeJS.Timeout | undefined;
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
    this.#restartResponseTimer(responseTimedOut);
  }

  /** The linked number, E.164 with `+`; empty while pairing. */
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
    // Do not wait for the history after a first login: Baileys would buffer events for up to 20 s.
    if (update.receivedPendingNotifications === true || update.connection === 'close')
      this.#flushBufferedEvents();
    if (this.#ended) return;
    const { handlers, monotonicMs } = this.#options;
    if (update.qr !== undefined && !this.#needsPasskey) {
      this.#restartResponseTimer(
        responseTimedOut,
        this.#options.qrLifetimeMs + this.#options.responseTimeoutMs,
      );
      handlers.onQr(this.#advSecret.applyTo(update.qr), this.#lastQr === undefined ? 'first' : 'next');
      this.#lastQr = update.qr;
    }
    if (update.isNewLogin === true) {
      this.#needsPasskey = false;
      this.#restartResponseTimer(restartNotRequested);
      handlers.onLinked();
    }
    if (update.connection === 'open') {
      clearTimeout(this.#responseTimer);
      this.#openedAtMs = monotonicMs();
      handlers.onOpen(this);
    }
    if (update.connection === 'close') {
      clearTimeout(this.#responseTimer);
      const disconnect = parseDisconnect(update.lastDisconnect?.error);
      handlers.onClosed(this, this.#needsPasskey ? passkeyMissing : disconnect);
    }
  }

  /**
   * Closes the socket without unlinking the device; later updates are ignored. Does not wait: Baileys takes 30 s when the
   * peer is unreachable.
   */
  end(): void {
    clearTimeout(this.#responseTimer);
    this.#flushBufferedEvents();
    this.#ended = true;
    this.sock.end(undefined).catch(this.#options.onEndError);
  }

  /** Unlinks the device at WhatsApp. A failure goes to `onEndError` only. */
  async unlink(timeoutMs: number): Promise<void> {
    try {
      await withTimeout(this.sock.logout(), timeoutMs);
    } catch (error) {
      this.#options.onEndError(error);
    }
  }

  /** Baileys buffers events after a login and discards them on close, including messages that it has already acknowledged. */
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
    this.#restartResponseTimer(passkeyMissing, this.#options.passkeyTimeoutMs);
    this.#options.handlers.onPasskeyRequired();
  }

  #restartResponseTimer(disconnect: Disconnect, timeoutMs = this.#options.responseTimeoutMs): void {
    clearTimeout(this.#responseTimer);
    this.#responseTimer = setTimeout(() => this.#options.handlers.onClosed(this, disconnect), timeoutMs);
  }
}
