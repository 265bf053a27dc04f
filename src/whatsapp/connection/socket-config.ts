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
import type { SessionTimeouts } from '../timeouts.ts';
import { baileysLogger } from './baileys-logger.ts';

export type SocketConfigOptions = Readonly<{
  auth: AuthState;
  version: WAVersion;
  webSocketUrl: string | undefined;
  timeouts: SessionTimeouts;
  logger: Logger;
  messageRetryCache: CacheStore;
  monotonicMs: () => number;
  /** The text sent under a message id, for devices that request it again. */
  getSentText: (whatsappMessageId: string) => Promise<string | undefined>;
}>;

/** Omits optional keys that are unset: Baileys crashes on keys that are present with the value undefined. */
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
    // An online companion device mutes the notifications of the owner's phone.
    markOnlineOnConnect: false,
    // Baileys merges receipts into the events of our own messages, which hides them.
    emitOwnEvents: false,
    syncFullHistory: false,
    generateHighQualityLinkPreview: false,
    countryCode: 'RU',
    // Few attempts: a failing commit blocks the whole account while Baileys retries it.
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
