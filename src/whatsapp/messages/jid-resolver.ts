import type { WASocket } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import { withTimeout } from '../../lib/async/with-timeout.ts';

const answersKept = 1_000;
const dayMs = 24 * 60 * 60 * 1_000;
/** A number that is not on WhatsApp today may be tomorrow. */
const absenceHoldsMs = 60 * 60 * 1_000;
const presenceHoldsMs = 7 * dayMs;

type Lookup = Pick<WASocket, 'onWhatsApp' | 'signalRepository' | 'authState'>;

/**
 * Finds the WhatsApp address of a phone number. Keeps what it learned over the sockets of one session; `undefined` from
 * WhatsApp means "no answer" and is never taken for "not there".
 */
export class Addressing {
  readonly #queryTimeoutMs: number;
  readonly #onWhatsApp: LRUCache<string, boolean>;

  /** @param clock milliseconds that never jump: answers grow old by it */
  constructor(queryTimeoutMs: number, clock: Readonly<{ now: () => number }> = performance) {
    this.#queryTimeoutMs = queryTimeoutMs;
    this.#onWhatsApp = new LRUCache({ max: answersKept, perf: clock, ttlResolution: 0 });
  }

  /**
   * The LID of the number where WhatsApp has mapped one, since it refuses new messages to the phone address of such
   * contacts; else the phone address. A number without a known LID is checked first. Undefined: it is not on WhatsApp.
   * @param phone E.164 with `+`
   */
  async resolve(sock: Lookup, phone: string): Promise<string | undefined> {
    const phoneJid = phoneJidOf(phone);
    const lid = await storedLidOf(sock, phone);
    if (lid !== undefined) return lid;
    if ((await this.#isOnWhatsApp(sock, phoneJid)) === false) return undefined;
    return this.mapped(sock, phoneJid);
  }

  /** The LID of a phone address, or the address itself when no LID is known. */
  async mapped(sock: Lookup, phoneJid: string): Promise<string> {
    const mapping = sock.signalRepository.lidMapping.getLIDForPN(phoneJid);
    return (await this.#answerOf(mapping)) ?? phoneJid;
  }

  async #isOnWhatsApp(sock: Lookup, phoneJid: string): Promise<boolean | undefined> {
    const known = this.#onWhatsApp.get(phoneJid);
    if (known !== undefined) return known;
    const answers = await this.#answerOf(sock.onWhatsApp(phoneJid));
    if (answers === undefined) return undefined;
    const exists = answers.some((answer) => answer.exists);
    this.#onWhatsApp.set(phoneJid, exists, { ttl: exists ? presenceHoldsMs : absenceHoldsMs });
    return exists;
  }

  /** A failed or late query is no answer. */
  async #answerOf<Answer>(query: Promise<Answer>): Promise<Answer | undefined> {
    return withTimeout(query, this.#queryTimeoutMs).catch(() => undefined);
  }
}

async function storedLidOf(sock: Lookup, phone: string): Promise<string | undefined> {
  const user = phone.slice(1);
  const { [user]: lid } = await sock.authState.keys.get('lid-mapping', [user]);
  return lid === undefined ? undefined : `${lid}@lid`;
}

/** `+79001234567` → `79001234567@s.whatsapp.net` */
export function phoneJidOf(phone: string): string {
  return `${phone.slice(1)}@s.whatsapp.net`;
}

/** `79001234567:12@s.whatsapp.net` → `+79001234567` */
export function phoneOfJid(jid: string | undefined): string | undefined {
  const digits = /^(\d{5,16})(?::\d+)?@s\.whatsapp\.net$/.exec(jid ?? '')?.[1];
  return digits === undefined ? undefined : `+${digits}`;
}
