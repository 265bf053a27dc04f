/** Past this the process is not waited for any more: shorter than a supervisor waits before it kills. */
const shutdownTimeoutMs = 25_000;

/**
 * Aborted by the first SIGTERM or SIGINT, whose name is the reason: from this call on, neither kills the process. Once it
 * has come there is a deadline, and a second signal ends the process at once.
 */
export function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    process.removeListener('SIGTERM', onSignal).removeListener('SIGINT', onSignal);
    process.once('SIGTERM', forceExit).once('SIGINT', forceExit);
    setTimeout(forceExit, shutdownTimeoutMs).unref();
    controller.abort(signal);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return controller.signal;
}

function forceExit(): void {
  process.exit(1);
}
