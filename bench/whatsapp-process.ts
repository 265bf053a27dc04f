import { muteLibsignalConsole } from '../dev-env/simulators/whatsapp/libsignal-console.ts';
import { WhatsAppSimulator } from '../dev-env/simulators/whatsapp/whatsapp-simulator.ts';

/**
 * The simulated WhatsApp in a separate process, so that its CPU time does not count for its clients. Sends `{ url }` first;
 * answers every `{ number, qr }` after that phone has scanned that code.
 */
using _quiet = muteLibsignalConsole();
const whatsapp = await WhatsAppSimulator.start();
process.send?.({ url: whatsapp.url });
process.on('message', ({ number, qr }: Readonly<{ number: string; qr: string }>) => {
  whatsapp
    .phone(number)
    .scan(qr)
    .then(
      () => process.send?.({ scanned: number }),
      (error: unknown) => process.send?.({ scanned: number, error: String(error) }),
    );
});
process.on('disconnect', () => process.exit());
