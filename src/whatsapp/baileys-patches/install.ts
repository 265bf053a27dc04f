import type { Logger } from '../../observability/logger.ts';
import { spareSessionsOfFailedAttempts } from './libsignal-trial-decryption.ts';
import { keepJobsInTheirContext } from './libsignal-async-context.ts';
import { silenceLibsignal } from './libsignal-console.ts';
import { absorbLibraryRejections } from './unhandled-rejections.ts';

/** Mends what the libraries under a session do to a process. @returns what is to be disposed of at the end */
export function prepareLibraries(logger: Logger): Disposable {
  silenceLibsignal(console);
  keepJobsInTheirContext();
  spareSessionsOfFailedAttempts();
  return absorbLibraryRejections(process, logger);
}
