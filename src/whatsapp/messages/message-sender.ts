import { setTimeout as delay } from 'node:timers/promises';
import { generateMessageIDV2, jidNormalizedUser, type WASocket } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import { Addressing } from './jid-resolver.ts';
import { CredentialsNotSavedError } from '../credentials/auth-state.ts';
import { disconnectFrom } from '../session/disconnect-policy.ts';
import { fetchRecipientKeys, NoDeviceError } from './recipient-keys.ts';
import { notConnected } from '../session/errors.ts';

const timedOut = 408;
const messagesRemembered = 500;
/** A message that cannot be encrypted for its recipient on an open connection will not be at the next attempt either. */
const encryptionAttempts = 3;

/** Sends the texts of one session, whichever socket it has. */
export class MessageSender {
  readonly #addressing: Addressing;
  readonly #lookupTimeoutMs: number;
  readonly #encryptionFailures = new LRUCache<string, number>({ max: messagesRemembered });

  /** @param lookupTimeoutMs how long each question to WhatsApp may hold a message up */
  constructor(lookupTimeoutMs: number) {
    this.#addressing = new Addressing(lookupTimeoutMs);
    this.#lookupTimeoutMs = lookupTimeoutMs;
  }

  /**
   * Resolves also when it is not known whether the bytes left: the server's ack tells, and a second send under the same id
   * is the same message.
   * @param phone E.164 with `+`
   * @returns why the message can never be sent, or undefined
   * @throws AppError `CONNECTION_FAILED` when nothing left
   */
  async send(
    sock: WASocket,
    phone: string,
    text: string,
    { messageId, typingMs }: Readonly<{ messageId: string; typingMs: number }>,
  ): Promise<string | undefined> {
    let jid: string | undefined;
    try {
      jid = await this.#addressing.resolve(sock, phone);
      if (jid !== undefined) await this.#fetchKeys(sock, jid);
    } catch (cause) {
      return this.#nothingLeft(sock, cause, messageId);
    }
    if (jid === undefined) return 'not_on_whatsapp';
    if (typingMs > 0) await showTyping(sock, jid, typingMs);
    try {
      await sendText(sock, jid, text, messageId);
    } catch (cause) {
      if (!mayHaveLeft(cause)) return this.#nothingLeft(sock, cause, messageId);
    }
    return undefined;
  }

  /** To the own chat of the linked phone. */
  async sendToSelf(sock: WASocket, text: string): Promise<void> {
    const own = jidNormalizedUser(sock.authState.creds.me?.id);
    const jid = await this.#addressing.mapped(sock, own);
    await this.#fetchKeys(sock, jid);
    await sendText(sock, jid, text, generateMessageIDV2(own));
  }

  async #fetchKeys(sock: WASocket, jid: string): Promise<void> {
    const fetched = fetchRecipientKeys(sock, jid).then(() => true);
    const isInTime = await withTimeout(fetched, this.#lookupTimeoutMs);
    if (isInTime !== true) throw new Error('WhatsApp did not give the keys of a recipient in time');
  }

  #nothingLeft(sock: WASocket, cause: unknown, messageId: string): string {
    if (this.#isHopeless(sock, cause, messageId)) return 'encryption_failed';
    throw notConnected(cause);
  }

  #isHopeless(sock: WASocket, error: unknown, messageId: string): boolean {
    const isUnencryptable =
      error instanceof NoDeviceError || disconnectFrom(error).message === 'All encryptions failed';
    // Keys that could not be saved close the socket: that is no fault of the recipient's.
    if (!isUnencryptable || !sock.ws.isOpen) return false;
    const failures = (this.#encryptionFailures.get(messageId) ?? 0) + 1;
    this.#encryptionFailures.set(messageId, failures);
    return failures >= encryptionAttempts;
  }
}

/** A person types before a text arrives. Decoration: its failure is the message's when the socket is gone, else nothing. */
async function showTyping(sock: WASocket, jid: string, typingMs: number): Promise<void> {
  try {
    await sock.sendPresenceUpdate('composing', jid);
    await delay(typingMs);
    await sock.sendPresenceUpdate('paused', jid);
  } catch {
    // The send that follows finds out.
  }
}

async function sendText(sock: WASocket, jid: string, text: string, messageId: string): Promise<void> {
  // Without `linkPreview: null` Baileys fetches every link in the text.
  await sock.sendMessage(jid, { text, linkPreview: null }, { messageId });
}

/** With the keys at hand only the write itself can time out, and Baileys stores what it learnt of the devices after it. */
function mayHaveLeft(error: unknown): boolean {
  return error instanceof CredentialsNotSavedError || disconnectFrom(error).code === timedOut;
}
