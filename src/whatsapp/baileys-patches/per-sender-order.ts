import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { guarded } from '../../lib/async/catch-async.ts';
import { KeyedQueue } from '../../lib/async/keyed-mutex.ts';

const messages = 'CB:message';

type Emitter = Readonly<{
  listeners: (event: string) => ((node: BinaryNode) => unknown)[];
  removeAllListeners: (event: string) => unknown;
}>;

/**
 * Gives Baileys the messages of one sender one after another. Left to itself it begins all at once, and asks its store about the
 * sender before it puts them in line: what a person writes first waits for that longer than what comes next.
 */
export function keepMessageOrder(ws: WASocket['ws'], failed: (error: unknown) => void): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an EventEmitter, declared with less
  const emitter = ws as unknown as Emitter;
  const queue = new KeyedQueue<string>();
  const listeners = emitter.listeners(messages);
  emitter.removeAllListeners(messages);
  for (const listener of listeners) {
    const inTurn = guarded(failed, (node: BinaryNode) =>
      queue.run(node.attrs['from'] ?? '', async () => {
        await listener(node);
      }),
    );
    ws.on(messages, inTurn);
  }
}
