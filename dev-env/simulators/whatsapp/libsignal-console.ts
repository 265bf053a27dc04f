/** Prefixes of what libsignal prints: session records, private keys included. */
const mutedPrefixes = [
  'Closing session',
  'Closing open session',
  'Opening session',
  'Removing old closed session',
  'Session already',
  'Failed to decrypt message',
  'Session error',
  'Decrypted message with closed session',
  'WARNING: Expected pubkey of length 33',
];

const methods = ['info', 'warn', 'error'] as const;

/** Suppresses libsignal's console output until disposed. */
export function muteLibsignalConsole(): Disposable {
  const originals = methods.map((method) => [method, console[method]] as const);
  for (const [method, print] of originals) {
    console[method] = (...items: unknown[]) => {
      const first = items[0];
      if (typeof first !== 'string' || !mutedPrefixes.some((start) => first.startsWith(start)))
        print(...items);
    };
  }
  return {
    [Symbol.dispose]: () => {
      for (const [method, print] of originals) console[method] = print;
    },
  };
}
