/*
 * Upstream bug: Baileys 7.0.0-rc14 handles all live messages concurrently, and `handleMessage` reads the LID mapping before it
 * takes its mutex. The first read of a sender is the slowest, so later messages overtake it:
 * https://github.com/WhiskeySockets/Baileys/blob/master/src/Socket/messages-recv.ts
 * The patch runs the `CB:message` listeners in order per sender.
 * Remove when `handleMessage` takes its mutex before its first await.
 */

import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { catchAsync } from '../../lib/async/catch-async.ts';
import { KeyedMutex } from '../../lib/async/keyed-mutex.ts';

const messageEvent = 'CB:message';

type Emitter = Readonly<{
  listeners: (event: string) => ((node: BinaryNode) => unknown)[];
  removeAllListeners: (event: string) => unknown;
}>;

export function serialiseMessagesPerSender(ws: WASocket['ws'], onError: (error: unknown) => void): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an EventEmitter with a narrower declared type
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
