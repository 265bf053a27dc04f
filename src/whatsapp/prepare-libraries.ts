import type { Logger } from '../observability/logger.ts';
import { spareSessionsOfFailedAttempts } from './libsignal-attempts.ts';
import { keepJobsInTheirContext } from './libsignal-jobs.ts';
import { silenceLibsignal } from './libsignal-silence.ts';
import { absorbLibraryRejections } from './library-rejections.ts';

/** Mends what the libraries under a session do to a process. @returns what is to be disposed of at the end */
export function prepareLibraries(logger: Logger): Disposable {
  silenceLibsignal(console);
  keepJobsInTheirContext();
  spareSessionsOfFailedAttempts();
  return absorbLibraryRejections(process, logger);
}
