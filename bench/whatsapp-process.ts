import { muteLibsignalConsole } from '../dev-env/simulators/whatsapp/libsignal-console.ts';
import { WhatsAppSimulator } from '../dev-env/simulators/whatsapp/whatsapp-simulator.ts';

/**
 * The simulated WhatsApp as a process of its own, so that its work does not count as its clients'. Tells its address first;
 * then answers every `{ number, qr }` once that phone has scanned that code.
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
