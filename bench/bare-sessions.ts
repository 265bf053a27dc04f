import { BaileysClient } from '../dev-env/clients/baileys-client.ts';
import { muteLibsignalConsole } from '../dev-env/simulators/whatsapp/libsignal-console.ts';
import { readIdentity } from './identities.ts';

/** Bare Baileys with keys in memory. Opens the sessions of the identity files it receives and sends `open` when all are open. */
const concurrency = 20;

using _quiet = muteLibsignalConsole();
const [, , url = ''] = process.argv;
const clients: BaileysClient[] = [];
process.once('message', ({ files }: Readonly<{ files: readonly string[] }>) => {
  const waiting = files.values();
  const worker = async (): Promise<void> => {
    for (const file of waiting) {
      const { creds, keys } = readIdentity(file);
      const client = new BaileysClient(url);
      Object.assign(client.creds, creds);
      await client.keys.set(keys);
      client.connect();
      await client.waitUntilOpen();
      clients.push(client);
    }
  };
  void Promise.all(Array.from({ length: concurrency }, worker)).then(() => process.send?.('open'));
  process.on('message', () => process.send?.(clients.filter(({ isOpen }) => isOpen).length));
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
