import type { Logger } from '../../observability/logger.ts';
import { isolateTrialDecryption } from './libsignal-trial-decryption.ts';
import { bindJobsToAsyncContext } from './libsignal-async-context.ts';
import { silenceLibsignal } from './libsignal-console.ts';
import { suppressBaileysRejections } from './unhandled-rejections.ts';

/** Mends what the libraries under a session do to a process. @returns what is to be disposed of at the end */
export function installBaileysPatches(logger: Logger): Disposable {
  silenceLibsignal(console);
  bindJobsToAsyncContext();
  isolateTrialDecryption();
  return suppressBaileysRejections(process, logger);
}
