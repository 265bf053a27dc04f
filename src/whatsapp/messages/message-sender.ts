import { setTimeout as delay } from 'node:timers/promises';
import {
  generateMessageIDV2,
  jidNormalizedUser,
  type WASocket,
  areJidsSameUser,
  isLidUser,
} from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import { CredentialsNotSavedError } from '../credentials/auth-state.ts';
import { parseDisconnect } from '../session/disconnect-policy.ts';
import { notConnectedError } from '../session/errors.ts';
import { JidResolver } from './jid-resolver.ts';

const requestTimeoutCode = 408;
const maxTrackedMessages = 500;
/** Encryption failures on an open connection after which a message fails permanently. */
const maxEncryptionAttempts = 3;

/** WhatsApp returned no device of the recipient. */
class NoDeviceError extends Error {
  override readonly name = 'NoDeviceError';
}

/** Sends the texts of one session; its state outlives the session's sockets. */
export class MessageSender {
  readonly #jidResolver: JidResolver;
  readonly #lookupTimeoutMs: number;
  readonly #encryptionFailures = new LRUCache<string, number>({ max: maxTrackedMessages });

  /** @param lookupTimeoutMs timeout of each query before a message is sent */
  constructor(lookupTimeoutMs: number) {
    this.#jidResolver = new JidResolver(lookupTimeoutMs);
    this.#lookupTimeoutMs = lookupTimeoutMs;
  }

  /**
   * Resolves also when the message may have been sent: the ack confirms it, and WhatsApp deduplicates resends by id.
   * @param phone E.164 with `+`
   * @returns the error code of a permanent failure, or undefined
   * @throws AppError `CONNECTION_FAILED` when nothing was sent
   */
  async send(
    sock: WASocket,
    phone: string,
    text: string,
    { messageId, typingMs }: Readonly<{ messageId: string; typingMs: number }>,
  ): Promise<string | undefined> {
    let jid: string | undefined;
    try {
      jid = await this.#jidResolver.resolve(sock, phone);
      if (jid !== undefined) await this.#ensureSessions(sock, jid);
    } catch (cause) {
      return this.#handleNotSent(sock, cause, messageId);
    }
    if (jid === undefined) return 'not_on_whatsapp';
    if (typingMs > 0) await showTyping(sock, jid, typingMs);
    try {
      await sendText(sock, jid, text, messageId);
    } catch (cause) {
      if (!mayHaveBeenSent(cause)) return this.#handleNotSent(sock, cause, messageId);
    }
    return undefined;
  }

  /** Sends to the linked account's own chat. */
  async sendToSelf(sock: WASocket, text: string): Promise<void> {
    const ownJid = jidNormalizedUser(sock.authState.creds.me?.id);
    const jid = await this.#jidResolver.preferLid(sock, ownJid);
    await this.#ensureSessions(sock, jid);
    await sendText(sock, jid, text, generateMessageIDV2(ownJid));
  }

  async #ensureSessions(sock: WASocket, jid: string): Promise<void> {
    const ensured = ensureSignalSessions(sock, jid).then(() => true);
    const isInTime = await withTimeout(ensured, this.#lookupTimeoutMs);
    if (isInTime !== true) throw new Error("Fetching the recipient's Signal sessions timed out");
  }

  #handleNotSent(sock: WASocket, cause: unknown, messageId: string): string {
    if (this.#isPermanentFailure(sock, cause, messageId)) return 'encryption_failed';
    throw notConnectedError(cause);
  }

  #isPermanentFailure(sock: WASocket, error: unknown, messageId: string): boolean {
    const isUnencryptable =
      error instanceof NoDeviceError || parseDisconnect(error).message === 'All encryptions failed';
    // Unsaved keys close the socket; such a failure is not counted against the message.
    if (!isUnencryptable || !sock.ws.isOpen) return false;
    const failures = (this.#encryptionFailures.get(messageId) ?? 0) + 1;
    this.#encryptionFailures.set(messageId, failures);
    return failures >= maxEncryptionAttempts;
  }
}

async function showTyping(sock: WASocket, jid: string, typingMs: number): Promise<void> {
  try {
    await sock.sendPresenceUpdate('composing', jid);
    await delay(typingMs);
    await sock.sendPresenceUpdate('paused', jid);
  } catch {
    // Not fatal: on a closed socket the send itself fails.
  }
}

async function sendText(sock: WASocket, jid: string, text: string, messageId: string): Promise<void> {
  // Without `linkPreview: null` Baileys fetches every link in the text.
  await sock.sendMessage(jid, { text, linkPreview: null }, { messageId });
}

/** With all keys loaded, only the socket write can time out, and Baileys saves credentials only after it. */
function mayHaveBeenSent(error: unknown): boolean {
  return error instanceof CredentialsNotSavedError || parseDisconnect(error).code === requestTimeoutCode;
}

/**
 * Loads the devices and Signal sessions that a send needs. Otherwise Baileys queries them while it sends: it waits a minute for
 * the response, and without one sends the message to no device.
 * @throws NoDeviceError, or what the query or the store throws
 */
async function ensureSignalSessions(sock: WASocket, jid: string): Promise<void> {
  const { id = '', lid } = sock.authState.creds.me ?? {};
  const ownJid = jidNormalizedUser(isLidUser(jid) === true && lid !== undefined ? lid : id);
  const devices = (await sock.getUSyncDevices([ownJid, jid], true, false)).map((device) => device.jid);
  if (!devices.some((device) => areJidsSameUser(device, jid)))
    throw new NoDeviceError('WhatsApp returned no device for the recipient');
  await sock.assertSessions(devices.filter((device) => device !== id && device !== lid));
}
