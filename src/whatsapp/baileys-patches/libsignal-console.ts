const methods = ['debug', 'info', 'log', 'warn', 'error'] as const;

type Method = (typeof methods)[number];

/** What `console` offers here; a test may pass its own. */
export type ConsoleLike = Record<Method, (...args: unknown[]) => void>;

/** Marks a filter with itself. */
const filterMark = Symbol('libsignal console output filtered');

/** How libsignal 6 begins what it prints, for bundles in which its frames cannot be told by their path. */
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

/**
 * Drops what libsignal prints: it hands whole session records, private ratchet keys included, to `console.info`.
 * Everything else passes unchanged. Installing twice is installing once; it stays for the life of the process.
 */
export function silenceLibsignal(target: ConsoleLike): void {
  for (const method of methods) {
    const print: ConsoleLike[Method] & { [filterMark]?: unknown } = target[method];
    // Others who wrap the console may copy the mark on to functions that do not filter.
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
