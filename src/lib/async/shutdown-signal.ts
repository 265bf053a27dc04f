/** Shorter than the 30 s that Kubernetes waits before SIGKILL. */
const shutdownTimeoutMs = 25_000;

/**
 * Aborts on the first SIGTERM or SIGINT, with the name of the signal as the reason. The process exits at the latest
 * `shutdownTimeoutMs` later, or immediately on a second signal.
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
