import { randomBytes } from 'node:crypto';
import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';

const secretBytes = 32;
/** Of `https://wa.me/settings/linked_devices#ref,noise key,identity key,secret,platform`. */
const secretField = 3;

/**
 * The secret with which the phone seals the link. WhatsApp may retire it while its QR code is being scanned, and links only
 * by a code with a new one. Baileys ignores that, and goes on drawing the secret that it began with.
 * @see https://github.com/WhiskeySockets/Baileys/pull/2765
 */
export class PairingSecret {
  readonly #sock: WASocket;
  #renewed: string | undefined;

  constructor(sock: WASocket) {
    this.#sock = sock;
  }

  /** What Baileys drew, with the secret of now. */
  into(qrText: string): string {
    if (this.#renewed === undefined) return qrText;
    return qrText.split(',').with(secretField, this.#renewed).join(',');
  }

  /** Resolves when WhatsApp has been told; from the beginning on the new secret is the one that links. */
  async renew({ attrs }: BinaryNode): Promise<void> {
    this.#renewed = randomBytes(secretBytes).toString('base64');
    const { creds } = this.#sock.authState;
    creds.advSecretKey = this.#renewed;
    this.#sock.ev.emit('creds.update', { advSecretKey: this.#renewed });
    await this.#sock.sendNode({ tag: 'ack', attrs: acknowledging(attrs) });
  }
}

/** Baileys' own acknowledgement needs a linked account. */
function acknowledging({ id = '', from = '', type = '' }: BinaryNode['attrs']): BinaryNode['attrs'] {
  return { id, to: from, class: 'notification', type };
}
