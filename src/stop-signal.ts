/** Past this the process is not waited for any more: shorter than a supervisor waits before it kills. */
const deadlineMs = 25_000;

/**
 * Resolves with the first SIGTERM or SIGINT. From then on there is a deadline, and a second signal ends the process at
 * once.
 */
export async function stopSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const onFirst = (signal: NodeJS.Signals): void => {
    process.removeListener('SIGTERM', onFirst).removeListener('SIGINT', onFirst);
    process.once('SIGTERM', giveUp).once('SIGINT', giveUp);
    setTimeout(giveUp, deadlineMs).unref();
    resolve(signal);
  };
  process.on('SIGTERM', onFirst).on('SIGINT', onFirst);
  return await promise;
}

function giveUp(): void {
  process.exit(1);
}
