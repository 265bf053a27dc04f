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
import { JidResolver } from './jid-resolver.ts';
import { CredentialsNotSavedError } from '../credentials/auth-state.ts';
import { parseDisconnect } from '../session/disconnect-policy.ts';
import { notConnected } from '../session/errors.ts';

const requestTimeoutCode = 408;
const maxTrackedMessages = 500;
/** A message that cannot be encrypted for its recipient on an open connection will not be at the next attempt either. */
const maxEncryptionAttempts = 3;

/** Sends the texts of one session, whichever socket it has. */
export class MessageSender {
  readonly #jidResolver: JidResolver;
  readonly #lookupTimeoutMs: number;
  readonly #encryptionFailures = new LRUCache<string, number>({ max: maxTrackedMessages });

  /** @param lookupTimeoutMs how long each question to WhatsApp may hold a message up */
  constructor(lookupTimeoutMs: number) {
    this.#jidResolver = new JidResolver(lookupTimeoutMs);
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

  /** To the own chat of the linked phone. */
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
    throw notConnected(cause);
  }

  #isPermanentFailure(sock: WASocket, error: unknown, messageId: string): boolean {
    const isUnencryptable =
      error instanceof NoDeviceError || parseDisconnect(error).message === 'All encryptions failed';
    // Keys that could not be saved close the socket: that is no fault of the recipient's.
    if (!isUnencryptable || !sock.ws.isOpen) return false;
    const failures = (this.#encryptionFailures.get(messageId) ?? 0) + 1;
    this.#encryptionFailures.set(messageId, failures);
    return failures >= maxEncryptionAttempts;
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
function mayHaveBeenSent(error: unknown): boolean {
  return error instanceof CredentialsNotSavedError || parseDisconnect(error).code === requestTimeoutCode;
}

/** WhatsApp knows no device that could read a message to this address. */
export class NoDeviceError extends Error {
  override readonly name = 'NoDeviceError';
}

/**
 * Asks WhatsApp for everything that sending to an address needs, so that sending itself only encrypts and writes. Left to
 * itself, Baileys asks while it sends: it waits a minute for an answer, and without one writes a message to nobody.
 * @throws NoDeviceError, or what the query or the store throws
 */
export async function ensureSignalSessions(sock: WASocket, jid: string): Promise<void> {
  const { id = '', lid } = sock.authState.creds.me ?? {};
  const ownJid = jidNormalizedUser(isLidUser(jid) === true && lid !== undefined ? lid : id);
  const devices = (await sock.getUSyncDevices([ownJid, jid], true, false)).map((device) => device.jid);
  if (!devices.some((device) => areJidsSameUser(device, jid)))
    throw new NoDeviceError('WhatsApp returned no device for the recipient');
  await sock.assertSessions(devices.filter((device) => device !== id && device !== lid));
}
