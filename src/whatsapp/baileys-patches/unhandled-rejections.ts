/*
 * Upstream bug: Baileys 7.0.0-rc14 handles stanzas in async listeners that are not awaited (lib/Socket/messages-recv.js). When the
 * connection closes meanwhile, their rejection ends the process: https://github.com/WhiskeySockets/Baileys/issues/131
 * The patch logs rejections that come from Baileys; all others still end the process.
 * Remove when Baileys catches the errors of its listeners.
 */

import type { EventEmitter } from 'node:events';
import type { Logger } from '../../observability/logger.ts';
import { CredentialsNotSavedError, UnreadableCredentialsError } from '../credentials/auth-state.ts';

/** @param process emits `unhandledRejection` */
export function suppressBaileysRejections(process: EventEmitter, logger: Logger): Disposable {
  const listener = (error: unknown): void => {
    if (!isFromBaileys(error)) throw error;
    logger.warn('Unhandled rejection from Baileys suppressed', { error });
  };
  process.on('unhandledRejection', listener);
  return { [Symbol.dispose]: () => process.off('unhandledRejection', listener) };
}

/** Errors of our key store pass through Baileys, which may not catch them; `AuthState` has already reported them. */
function isFromBaileys(error: unknown): boolean {
  if (error instanceof CredentialsNotSavedError || error instanceof UnreadableCredentialsError) return true;
  const stack = error instanceof Error ? error.stack : undefined;
  return /[\\/]node_modules[\\/]@whiskeysockets[\\/]baileys[\\/]/.test(stack ?? '');
}
