import type { BinaryNode, ConnectionState, WASocket } from '@whiskeysockets/baileys';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import { phoneOfJid } from '../messages/jid-resolver.ts';
import type { AuthState } from '../credentials/auth-state.ts';
import type { ClientVersionNumber } from './client-version.ts';
import { disconnectFrom, type Disconnect, passkeyMissing } from '../session/disconnect-policy.ts';
import { watchLinkingDemands } from '../pairing/linking-demands.ts';
import { PairingSecret } from '../pairing/adv-secret.ts';
import type { QrTurn } from '../pairing/pairing.ts';

export type ConnectionHandlers = Readonly<{
  qr: (text: string, turn: QrTurn) => void;
  /** The account asks for a passkey: no code of this socket will link it. */
  passkeyDemanded: () => void;
  /** The phone accepted this device; WhatsApp asks for a restart next. */
  linked: () => void;
  open: (connection: Connection) => void;
  closed: (connection: Connection, disconnect: Disconnect) => void;
}>;

export type ConnectionOptions = Readonly<{
  /** What the socket announces. */
  version: ClientVersionNumber;
  /** How long WhatsApp may take to show a QR code or to log in. */
  answerTimeoutMs: number;
  /** How long a QR code lasts at most; then the next one must come, or the end. */
  qrLifetimeMs: number;
  /** How long a socket is kept on which a passkey was asked for. */
  passkeyWaitMs: number;
  monotonicNow: () => number;
  handlers: ConnectionHandlers;
  /** The socket could not be closed cleanly. */
  endFailed: (error: unknown) => void;
  /** A new secret was not acknowledged. */
  renewalFailed: (error: unknown) => void;
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
  readonly version: ClientVersionNumber;
  readonly #options: ConnectionOptions;
  readonly #secret: PairingSecret;
  #watchdog: NodeJS.Timeout | undefined;
  #drawnQr: string | undefined;
  #needsPasskey = false;
  #openedAtMs: number | undefined;
  #ended = false;

  constructor(sock: WASocket, auth: AuthState, options: ConnectionOptions) {
    this.sock = sock;
    this.auth = auth;
    this.version = options.version;
    this.#options = options;
    this.#secret = new PairingSecret(sock);
    watchLinkingDemands(sock, {
      newSecret: (notification) => this.#secretRetired(notification),
      passkey: () => this.#passkeyDemanded(),
    });
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
    return this.#openedAtMs === undefined ? 0 : this.#options.monotonicNow() - this.#openedAtMs;
  }

  changed(update: Partial<ConnectionState>): void {
    // After a device's first login Baileys waits for the history up to 20 s.
    if (update.receivedPendingNotifications === true || update.connection === 'close')
      this.#tellWhatIsHeldBack();
    if (this.#ended) return;
    const { handlers, monotonicNow } = this.#options;
    if (update.qr !== undefined && !this.#needsPasskey) {
      this.#expectAnswer(silence, this.#options.qrLifetimeMs + this.#options.answerTimeoutMs);
      handlers.qr(this.#secret.into(update.qr), this.#drawnQr === undefined ? 'first' : 'next');
      this.#drawnQr = update.qr;
    }
    if (update.isNewLogin === true) {
      this.#needsPasskey = false;
      this.#expectAnswer(restartNotAskedFor);
      handlers.linked();
    }
    if (update.connection === 'open') {
      clearTimeout(this.#watchdog);
      this.#openedAtMs = monotonicNow();
      handlers.open(this);
    }
    if (update.connection === 'close') {
      clearTimeout(this.#watchdog);
      const disconnect = disconnectFrom(update.lastDisconnect?.error);
      handlers.closed(this, this.#needsPasskey ? passkeyMissing : disconnect);
    }
  }

  /**
   * Closes the socket, keeps the device linked, and is deaf from then on. Does not wait: a dead peer takes Baileys 30 s.
   */
  end(): void {
    clearTimeout(this.#watchdog);
    this.#tellWhatIsHeldBack();
    this.#ended = true;
    this.sock.end(undefined).catch(this.#options.endFailed);
  }

  /** Tells WhatsApp to forget this device, as far as WhatsApp can be reached. */
  async unlink(timeoutMs: number): Promise<void> {
    try {
      await withTimeout(this.sock.logout(), timeoutMs);
    } catch (error) {
      this.#options.endFailed(error);
    }
  }

  /** Baileys holds events back after a login, and throws them away at the end: texts too that WhatsApp was told to be done with. */
  #tellWhatIsHeldBack(): void {
    this.sock.ev.flush();
  }

  #secretRetired(notification: BinaryNode): void {
    if (this.#ended || this.auth.isLinked) return;
    this.#secret.renew(notification).catch(this.#options.renewalFailed);
    if (this.#drawnQr !== undefined) this.#options.handlers.qr(this.#secret.into(this.#drawnQr), 'renewed');
  }

  #passkeyDemanded(): void {
    if (this.#ended || this.#needsPasskey || this.auth.isLinked) return;
    this.#needsPasskey = true;
    this.#expectAnswer(passkeyMissing, this.#options.passkeyWaitMs);
    this.#options.handlers.passkeyDemanded();
  }

  #expectAnswer(otherwise: Disconnect, timeoutMs = this.#options.answerTimeoutMs): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#options.handlers.closed(this, otherwise), timeoutMs);
  }
}
