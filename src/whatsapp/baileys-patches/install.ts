import type { WASocket } from '@whiskeysockets/baileys';
import type { CompanyId } from '../../domain/ids.ts';
import type { Logger } from '../../observability/logger.ts';
import type { AuthState } from '../credentials/auth-state.ts';
import { cacheDecryptedMessages, type DecryptedMessageCache } from './decrypted-message-cache.ts';
import { bindJobsToAsyncContext } from './libsignal-async-context.ts';
import { silenceLibsignal } from './libsignal-console.ts';
import { isolateTrialDecryption } from './libsignal-trial-decryption.ts';
import { serialiseMessagesPerSender } from './per-sender-order.ts';
import { isolateSignalTransactions } from './signal-transactions.ts';
import { suppressBaileysRejections } from './unhandled-rejections.ts';

/** Installs the patches that concern the whole process. Disposal removes the handler of unhandled rejections. */
export function installProcessPatches(logger: Logger): Disposable {
  silenceLibsignal(console);
  bindJobsToAsyncContext();
  isolateTrialDecryption();
  return suppressBaileysRejections(process, logger);
}

export type SocketPatchDeps = Readonly<{
  auth: Pick<AuthState, 'abort'>;
  decryptedMessageCache: DecryptedMessageCache;
  logger: Logger;
}>;

/** Patches one socket. Call it before the socket receives its first stanza. */
export function installSocketPatches(sock: WASocket, companyId: CompanyId, deps: SocketPatchDeps): void {
  serialiseMessagesPerSender(sock.ws, (error) =>
    deps.logger.warn('Received message processing failed', { error }),
  );
  isolateSignalTransactions(sock, deps.auth);
  cacheDecryptedMessages(sock, companyId, deps.decryptedMessageCache);
}
