import type { WASocket } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import { withTimeout } from '../../lib/async/with-timeout.ts';

const maxCachedNumbers = 1_000;
const dayMs = 24 * 60 * 60 * 1_000;
/** Short, because the number may register on WhatsApp. */
const negativeTtlMs = 60 * 60 * 1_000;
const positiveTtlMs = 7 * dayMs;

type LookupSocket = Pick<WASocket, 'onWhatsApp' | 'signalRepository' | 'authState'>;

/**
 * Resolves phone numbers to WhatsApp JIDs. Its cache outlives the session's sockets. A failed query is not cached and never
 * counts as "not on WhatsApp".
 */
export class JidResolver {
  readonly #queryTimeoutMs: number;
  readonly #onWhatsApp: LRUCache<string, boolean>;

  constructor(queryTimeoutMs: number, monotonicMs = (): number => performance.now()) {
    this.#queryTimeoutMs = queryTimeoutMs;
    this.#onWhatsApp = new LRUCache({ max: maxCachedNumbers, perf: { now: monotonicMs }, ttlResolution: 0 });
  }

  /**
   * Resolves to the LID if the number has one, because WhatsApp rejects messages to the phone JID of such contacts.
   * @param phone E.164 with `+`
   * @returns undefined when the number is not on WhatsApp
   */
  async resolve(sock: LookupSocket, phone: string): Promise<string | undefined> {
    const phoneJid = phoneToJid(phone);
    const lid = await readStoredLid(sock, phone);
    if (lid !== undefined) return lid;
    if ((await this.#isOnWhatsApp(sock, phoneJid)) === false) return undefined;
    return this.preferLid(sock, phoneJid);
  }

  /** The LID of a phone JID, or the phone JID when no LID is known. */
  async preferLid(sock: LookupSocket, phoneJid: string): Promise<string> {
    const mapping = sock.signalRepository.lidMapping.getLIDForPN(phoneJid);
    return (await this.#tryQuery(mapping)) ?? phoneJid;
  }

  async #isOnWhatsApp(sock: LookupSocket, phoneJid: string): Promise<boolean | undefined> {
    const cached = this.#onWhatsApp.get(phoneJid);
    if (cached !== undefined) return cached;
    const results = await this.#tryQuery(sock.onWhatsApp(phoneJid));
    if (results === undefined) return undefined;
    const exists = results.some((result) => result.exists);
    this.#onWhatsApp.set(phoneJid, exists, { ttl: exists ? positiveTtlMs : negativeTtlMs });
    return exists;
  }

  /** Undefined when the query fails or times out. */
  async #tryQuery<Result>(query: Promise<Result>): Promise<Result | undefined> {
    return withTimeout(query, this.#queryTimeoutMs).catch(() => undefined);
  }
}

async function readStoredLid(sock: LookupSocket, phone: string): Promise<string | undefined> {
  const user = phone.slice(1);
  const { [user]: lid } = await sock.authState.keys.get('lid-mapping', [user]);
  return lid === undefined ? undefined : `${lid}@lid`;
}

/** `+79001234567` → `79001234567@s.whatsapp.net` */
export function phoneToJid(phone: string): string {
  return `${phone.slice(1)}@s.whatsapp.net`;
}

/** `79001234567:12@s.whatsapp.net` → `+79001234567` */
export function jidToPhone(jid: string | undefined): string | undefined {
  const digits = /^(\d{5,16})(?::\d+)?@s\.whatsapp\.net$/.exec(jid ?? '')?.[1];
  return digits === undefined ? undefined : `+${digits}`;
}
