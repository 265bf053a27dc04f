import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { BaileysClient } from '../dev-env/clients/baileys-client.ts';
import { muteLibsignalConsole } from '../dev-env/simulators/whatsapp/libsignal-console.ts';

/** Baseline for QR codes: each request opens a bare Baileys socket and emits its codes. */
using _quiet = muteLibsignalConsole();
const [, , url = ''] = process.argv;
const http = createServer();
new Server(http).on('connection', (page) => {
  page.on('request-qr', () => {
    const client = new BaileysClient(url);
    client.connect();
    client.socket.ev.on('connection.update', ({ qr }) => {
      if (qr !== undefined) page.emit('qr-update', { qr });
    });
    page.on('disconnect', () => client[Symbol.dispose]());
  });
});
http.listen(0, '127.0.0.1', () => {
  const { port } = http.address() as AddressInfo;
  process.send?.(`http://127.0.0.1:${port}`);
});
process.on('disconnect', () => process.exit());
