/** Past this the process is not waited for any more: shorter than a supervisor waits before it kills. */
const deadlineMs = 25_000;

/**
 * Aborted by the first SIGTERM or SIGINT, whose name is the reason: from this call on, neither kills the process. Once it
 * has come there is a deadline, and a second signal ends the process at once.
 */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onFirst = (signal: NodeJS.Signals): void => {
    process.removeListener('SIGTERM', onFirst).removeListener('SIGINT', onFirst);
    process.once('SIGTERM', giveUp).once('SIGINT', giveUp);
    setTimeout(giveUp, deadlineMs).unref();
    stop.abort(signal);
  };
  process.on('SIGTERM', onFirst).on('SIGINT', onFirst);
  return stop.signal;
}

function giveUp(): void {
  process.exit(1);
}
