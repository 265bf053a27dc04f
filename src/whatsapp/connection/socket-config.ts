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
import { commitAttempts, type AuthState } from '../credentials/auth-state.ts';
import { baileysLogger } from './baileys-logger.ts';
import type { SessionTimings } from '../timeouts.ts';

export type SocketSettings = Readonly<{
  auth: AuthState;
  version: WAVersion;
  webSocketUrl: string | undefined;
  timings: SessionTimings;
  logger: Logger;
  retryCounters: CacheStore;
  monotonicNow: () => number;
  /** The text that was sent under an id, for phones that ask for it again. */
  sentText: (whatsappMessageId: string) => Promise<string | undefined>;
}>;

/** Baileys crashes on a key that is present and undefined: optional ones are left out. */
export function socketOptions(settings: SocketSettings): UserFacingSocketConfig {
  const { auth, timings, webSocketUrl } = settings;
  return {
    auth: { creds: auth.creds, keys: auth.keys },
    version: settings.version,
    browser: Browsers.ubuntu('Chrome'),
    logger: baileysLogger(settings.logger, settings.monotonicNow),
    ...(webSocketUrl !== undefined && { waWebSocketUrl: webSocketUrl }),
    ...(timings.qrLifetimeMs !== undefined && { qrTimeout: timings.qrLifetimeMs }),
    connectTimeoutMs: timings.connectTimeoutMs,
    keepAliveIntervalMs: timings.keepAliveIntervalMs,
    // The owner's phone keeps ringing, and our own sends do not come back as events that swallow receipts.
    markOnlineOnConnect: false,
    emitOwnEvents: false,
    syncFullHistory: false,
    generateHighQualityLinkPreview: false,
    countryCode: 'RU',
    // A commit that keeps failing blocks the whole account while Baileys retries it.
    transactionOpts: { maxCommitRetries: commitAttempts, delayBetweenTriesMs: 200 },
    msgRetryCounterCache: settings.retryCounters,
    shouldIgnoreJid: isNoPrivateChat,
    getMessage: async ({ id }) => {
      const text = typeof id === 'string' ? await settings.sentText(id) : undefined;
      return text === undefined ? undefined : { extendedTextMessage: { text } };
    },
  };
}

function isNoPrivateChat(jid: string): boolean {
  return isJidGroup(jid) === true || isJidBroadcast(jid) === true || isJidNewsletter(jid) === true;
}
