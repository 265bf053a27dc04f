import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { catchAsync } from '../../lib/async/catch-async.ts';
import { KeyedMutex } from '../../lib/async/keyed-mutex.ts';

const messageEvent = 'CB:message';

type Emitter = Readonly<{
  listeners: (event: string) => ((node: BinaryNode) => unknown)[];
  removeAllListeners: (event: string) => unknown;
}>;

/**
 * Gives Baileys the messages of one sender one after another. Left to itself it begins all at once, and asks its store about the
 * sender before it puts them in line: what a person writes first waits for that longer than what comes next.
 */
export function serialiseMessagesPerSender(ws: WASocket['ws'], onError: (error: unknown) => void): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an EventEmitter, declared with less
  const emitter = ws as unknown as Emitter;
  const mutex = new KeyedMutex<string>();
  const listeners = emitter.listeners(messageEvent);
  emitter.removeAllListeners(messageEvent);
  for (const listener of listeners) {
    const orderedListener = catchAsync(onError, (node: BinaryNode) =>
      mutex.run(node.attrs['from'] ?? '', async () => {
        await listener(node);
      }),
    );
    ws.on(messageEvent, orderedListener);
  }
}
