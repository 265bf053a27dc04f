import type { EventEmitter } from 'node:events';
import type { Logger } from '../../observability/logger.ts';
import { CredentialsNotSavedError, UnreadableCredentialsError } from '../credentials/auth-state.ts';

/**
 * Baileys answers some stanzas in async listeners that nobody awaits. When the connection closes in that moment their
 * rejection would end the process, and with it the sessions of all salons. Rejections of others keep their meaning.
 * @param process whose `unhandledRejection` is listened to
 */
export function suppressBaileysRejections(process: EventEmitter, logger: Logger): Disposable {
  const listener = (error: unknown): void => {
    if (!isFromBaileys(error)) throw error;
    logger.warn('Unhandled rejection from Baileys suppressed', { error });
  };
  process.on('unhandledRejection', listener);
  return { [Symbol.dispose]: () => process.off('unhandledRejection', listener) };
}

/** Errors of our key store are thrown into Baileys, which may drop them; the session has heard of them by then. */
function isFromBaileys(error: unknown): boolean {
  if (error instanceof CredentialsNotSavedError || error instanceof UnreadableCredentialsError) return true;
  const stack = error instanceof Error ? error.stack : undefined;
  return /[\\/]node_modules[\\/]@whiskeysockets[\\/]baileys[\\/]/.test(stack ?? '');
}
