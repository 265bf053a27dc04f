import { randomBytes } from 'node:crypto';
import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';

const secretLengthBytes = 32;
/** Of `https://wa.me/settings/linked_devices#ref,noise key,identity key,secret,platform`. */
const secretFieldIndex = 3;

/**
 * The secret with which the phone seals the link. WhatsApp may retire it while its QR code is being scanned, and links only
 * by a code with a new one. Baileys ignores that, and goes on drawing the secret that it began with.
 * @see https://github.com/WhiskeySockets/Baileys/pull/2765
 */
export class AdvSecret {
  readonly #sock: WASocket;
  #rotatedSecret: string | undefined;

  constructor(sock: WASocket) {
    this.#sock = sock;
  }

  /** What Baileys drew, with the secret of now. */
  applyTo(qrText: string): string {
    if (this.#rotatedSecret === undefined) return qrText;
    return qrText.split(',').with(secretFieldIndex, this.#rotatedSecret).join(',');
  }

  /** Resolves when WhatsApp has been told; from the beginning on the new secret is the one that links. */
  async rotate({ attrs }: BinaryNode): Promise<void> {
    this.#rotatedSecret = randomBytes(secretLengthBytes).toString('base64');
    const { creds } = this.#sock.authState;
    creds.advSecretKey = this.#rotatedSecret;
    this.#sock.ev.emit('creds.update', { advSecretKey: this.#rotatedSecret });
    await this.#sock.sendNode({ tag: 'ack', attrs: ackAttributes(attrs) });
  }
}

/** Baileys' own acknowledgement needs a linked account. */
function ackAttributes({ id = '', from = '', type = '' }: BinaryNode['attrs']): BinaryNode['attrs'] {
  return { id, to: from, class: 'notification', type };
}

export type RegistrationNotificationHandlers = Readonly<{
  /** The secret that the QR code shows is retired. */
  onSecretRefresh: (notification: BinaryNode) => void;
  /** The account links no device without a passkey (WebAuthn), which cannot be offered here. */
  onPasskeyRequired: () => void;
}>;

/** Tells what WhatsApp asks of a device that a phone is about to link, and Baileys does not know. */
export function watchRegistrationNotifications(
  sock: WASocket,
  handlers: RegistrationNotificationHandlers,
): void {
  sock.ws.on('CB:notification,type:companion_reg_refresh', handlers.onSecretRefresh);
  sock.ws.on('CB:notification,type:passkey_prologue_request', handlers.onPasskeyRequired);
  sock.ws.on('CB:notification,type:crsc_continuation', handlers.onPasskeyRequired);
}
