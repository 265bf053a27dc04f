/*
 * Upstream bug: libsignal 6.0.0 prints whole session records, private ratchet keys included, to the console:
 * https://github.com/WhiskeySockets/Baileys/issues/888
 * The patch drops everything that libsignal prints; the output of other callers passes unchanged.
 * Remove when libsignal stops writing to the console.
 */

const methods = ['debug', 'info', 'log', 'warn', 'error'] as const;

type Method = (typeof methods)[number];

/** The filtered part of `console`. */
export type ConsoleLike = Record<Method, (...args: unknown[]) => void>;

/** Property of each filter function that refers to the function itself. */
const filterMark = Symbol('libsignal console output filtered');

/** First words of libsignal 6 output, for bundles in which its stack frames lack the package path. */
const knownPrefixes = [
  'Closing session',
  'Closing open session',
  'Opening session',
  'Removing old closed session',
  'Session already',
  'Session error:',
  'Migrating session',
  'V1 session storage migration',
  'Decrypted message with closed session',
  'Failed to decrypt message with any known session',
  'Unhandled bucket type',
  'WARNING: Expected pubkey of length 33',
];

/** Idempotent; lasts until the process ends. */
export function silenceLibsignal(target: ConsoleLike): void {
  for (const method of methods) {
    const print: ConsoleLike[Method] & { [filterMark]?: unknown } = target[method];
    // A wrapper may copy the mark to a function that does not filter, so the mark must refer to this function.
    if (print[filterMark] === print) continue;
    const filtered: typeof print = (...args) => {
      if (!isFromLibsignal(args[0])) print.apply(target, args);
    };
    filtered[filterMark] = filtered;
    target[method] = filtered;
  }
}

function isFromLibsignal(firstArg: unknown): boolean {
  if (typeof firstArg === 'string' && knownPrefixes.some((prefix) => firstArg.startsWith(prefix)))
    return true;
  // Frames: Error, this function, the filter, the caller.
  const caller = new Error('stack').stack?.split('\n')[3] ?? '';
  return /[\\/]node_modules[\\/]libsignal[\\/]/.test(caller);
}
