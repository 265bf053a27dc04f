import {
  Browsers,
  isJidBroadcast,
  isJidGroup,
  isJidNewsletter,
  type CacheStore,
  type UserFacingSocketConfig,
  type WAVersion,
} from '@whiskeysockets/baileys';
import type { Logger } from '../../observability/logger.ts';
import { maxCommitAttempts, type AuthState } from '../credentials/auth-state.ts';
import { baileysLogger } from './baileys-logger.ts';
import type { SessionTimeouts } from '../timeouts.ts';

export type SocketConfigOptions = Readonly<{
  auth: AuthState;
  version: WAVersion;
  webSocketUrl: string | undefined;
  timeouts: SessionTimeouts;
  logger: Logger;
  messageRetryCache: CacheStore;
  monotonicMs: () => number;
  /** The text that was sent under an id, for phones that ask for it again. */
  getSentText: (whatsappMessageId: string) => Promise<string | undefined>;
}>;

/** Baileys crashes on a key that is present and undefined: optional ones are left out. */
export function socketConfig(options: SocketConfigOptions): UserFacingSocketConfig {
  const { auth, timeouts, webSocketUrl } = options;
  return {
    auth: { creds: auth.creds, keys: auth.keys },
    version: options.version,
    browser: Browsers.ubuntu('Chrome'),
    logger: baileysLogger(options.logger, options.monotonicMs),
    ...(webSocketUrl !== undefined && { waWebSocketUrl: webSocketUrl }),
    ...(timeouts.qrLifetimeMs !== undefined && { qrTimeout: timeouts.qrLifetimeMs }),
    connectTimeoutMs: timeouts.connectTimeoutMs,
    keepAliveIntervalMs: timeouts.keepAliveIntervalMs,
    // The owner's phone keeps ringing, and our own sends do not come back as events that swallow receipts.
    markOnlineOnConnect: false,
    emitOwnEvents: false,
    syncFullHistory: false,
    generateHighQualityLinkPreview: false,
    countryCode: 'RU',
    // A commit that keeps failing blocks the whole account while Baileys retries it.
    transactionOpts: { maxCommitRetries: maxCommitAttempts, delayBetweenTriesMs: 200 },
    msgRetryCounterCache: options.messageRetryCache,
    shouldIgnoreJid: isIgnoredJid,
    getMessage: async ({ id }) => {
      const text = typeof id === 'string' ? await options.getSentText(id) : undefined;
      return text === undefined ? undefined : { extendedTextMessage: { text } };
    },
  };
}

function isIgnoredJid(jid: string): boolean {
  return isJidGroup(jid) === true || isJidBroadcast(jid) === true || isJidNewsletter(jid) === true;
}
