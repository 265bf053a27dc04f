import { randomBytes } from 'node:crypto';
import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';

const secretLengthBytes = 32;
/** In `https://wa.me/settings/linked_devices#ref,noise key,identity key,secret,platform`. */
const secretFieldIndex = 3;

/**
 * The ADV secret, with which the phone signs the link. WhatsApp may invalidate it during a scan and then requires a QR code
 * with a new one. Baileys ignores that request and keeps its first secret.
 * @see https://github.com/WhiskeySockets/Baileys/pull/2765
 */
export class AdvSecret {
  readonly #sock: WASocket;
  #rotatedSecret: string | undefined;

  constructor(sock: WASocket) {
    this.#sock = sock;
  }

  /** Replaces Baileys' secret in its QR code by the current one. */
  applyTo(qrText: string): string {
    if (this.#rotatedSecret === undefined) return qrText;
    return qrText.split(',').with(secretFieldIndex, this.#rotatedSecret).join(',');
  }

  /** The new secret is effective at once. Resolves after the acknowledgement has been sent. */
  async rotate({ attrs }: BinaryNode): Promise<void> {
    this.#rotatedSecret = randomBytes(secretLengthBytes).toString('base64');
    const { creds } = this.#sock.authState;
    creds.advSecretKey = this.#rotatedSecret;
    this.#sock.ev.emit('creds.update', { advSecretKey: this.#rotatedSecret });
    await this.#sock.sendNode({ tag: 'ack', attrs: ackAttributes(attrs) });
  }
}

/** Not Baileys' own acknowledgement: that requires a linked account. */
function ackAttributes({ id = '', from = '', type = '' }: BinaryNode['attrs']): BinaryNode['attrs'] {
  return { id, to: from, class: 'notification', type };
}

export type RegistrationNotificationHandlers = Readonly<{
  /** The secret in the current QR code is no longer valid. */
  onSecretRefresh: (notification: BinaryNode) => void;
  /** The account requires a passkey (WebAuthn) to link a device. Not supported. */
  onPasskeyRequired: () => void;
}>;

/** Handles notifications during a registration that Baileys ignores. */
export function watchRegistrationNotifications(
  sock: WASocket,
  handlers: RegistrationNotificationHandlers,
): void {
  sock.ws.on('CB:notification,type:companion_reg_refresh', handlers.onSecretRefresh);
  sock.ws.on('CB:notification,type:passkey_prologue_request', handlers.onPasskeyRequired);
  sock.ws.on('CB:notification,type:crsc_continuation', handlers.onPasskeyRequired);
}
