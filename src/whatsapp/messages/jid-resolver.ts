import type { WASocket } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import { withTimeout } from '../../lib/async/with-timeout.ts';

const maxCachedNumbers = 1_000;
const dayMs = 24 * 60 * 60 * 1_000;
/** A number that is not on WhatsApp today may be tomorrow. */
const negativeTtlMs = 60 * 60 * 1_000;
const positiveTtlMs = 7 * dayMs;

type LookupSocket = Pick<WASocket, 'onWhatsApp' | 'signalRepository' | 'authState'>;

/**
 * Finds the WhatsApp address of a phone number. Keeps what it learned over the sockets of one session; `undefined` from
 * WhatsApp means "no answer" and is never taken for "not there".
 */
export class JidResolver {
  readonly #queryTimeoutMs: number;
  readonly #onWhatsApp: LRUCache<string, boolean>;

  /** @param clock milliseconds that never jump: answers grow old by it */
  constructor(queryTimeoutMs: number, clock: Readonly<{ now: () => number }> = performance) {
    this.#queryTimeoutMs = queryTimeoutMs;
    this.#onWhatsApp = new LRUCache({ max: maxCachedNumbers, perf: clock, ttlResolution: 0 });
  }

  /**
   * The LID of the number where WhatsApp has mapped one, since it refuses new messages to the phone address of such
   * contacts; else the phone address. A number without a known LID is checked first. Undefined: it is not on WhatsApp.
   * @param phone E.164 with `+`
   */
  async resolve(sock: LookupSocket, phone: string): Promise<string | undefined> {
    const phoneJid = phoneToJid(phone);
    const lid = await readStoredLid(sock, phone);
    if (lid !== undefined) return lid;
    if ((await this.#isOnWhatsApp(sock, phoneJid)) === false) return undefined;
    return this.preferLid(sock, phoneJid);
  }

  /** The LID of a phone address, or the address itself when no LID is known. */
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

  /** A failed or late query is no answer. */
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
