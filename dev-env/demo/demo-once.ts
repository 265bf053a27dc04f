import { changeSettings, dateInDays } from '../clients/linked-salon.ts';
import { ConnectPageClient, decodeQr, openRegistration, fetchStatus } from '../clients/test-clients.ts';
import { clientNumber, demoSalon, ownerNumber, startStack, type Stack } from '../network.ts';
import { muteLibsignalConsole } from '../simulators/whatsapp/libsignal-console.ts';
import { waitFor } from '../wait-for.ts';

/**
 * The journey from "Подключить" to the client's phone without a person, through the interfaces that browsers, phones and the
 * platform use. Prints one line per step; exits with 0 only if every step passes.
 */
async function runJourney(): Promise<void> {
  using _quiet = muteLibsignalConsole();
  await using stack = await step('Start the server, a WhatsApp and a YCLIENTS', () => startStack());
  const { yclients, whatsapp } = stack;
  const owner = whatsapp.phone(ownerNumber, 'Ольга');
  const client = whatsapp.phone(clientNumber, 'Анна');

  const token = await step('Press "Подключить" in the marketplace', async () => {
    const [issued] = await openRegistration(yclients.pressConnect(demoSalon.id));
    if (issued === undefined) throw new Error('The connect page got no token');
    return issued;
  });
  await step('Open the connect page', () => expectConnectPage(stack));
  using page = new ConnectPageClient(stack.url, token);
  const qrText = await step('See the QR code and read it from the picture', async () => {
    const code = await page.requestQr();
    const text = decodeQr(code.qr);
    if (text !== code.text) throw new Error('The picture says something else than WhatsApp issued');
    return text;
  });
  await step("Scan it with the salon's phone", async () => {
    await owner.scan(qrText);
    await waitFor('the page to say connected', () => page.connected, 15_000);
  });
  await step('Be activated at YCLIENTS', () =>
    waitFor(
      'the integration to be active',
      async () => {
        const { integration_status } = await fetchStatus(stack.url, token);
        return integration_status === 'active' && yclients.salon(demoSalon.id).status === 'active';
      },
      15_000,
    ),
  );
  await step('Let messages go at any hour, as the settings allow', () =>
    changeSettings(stack, token, { quiet_hours: null }),
  );
  const record = yclients.book(demoSalon.id, {
    client: { name: 'Анна', phone: '8 (900) 444-55-66' },
    service: 'Стрижка',
    staff: 'Марина',
    start: dateInDays(2, '14:30:00'),
    online: true,
  });
  const confirmation = await step("Book a visit, read the confirmation on the client's phone", () =>
    client.waitForMessage(({ text }) => text.includes('Вы записаны'), 15_000),
  );
  yclients.change(record.id, { start: dateInDays(3, '10:00:00') });
  await step('Move the visit, read the change', () =>
    client.waitForMessage(({ text }) => text.includes('изменена'), 15_000),
  );
  yclients.cancel(record.id);
  await step('Cancel the visit, read the cancellation', () =>
    client.waitForMessage(({ text }) => text.includes('отменена'), 15_000),
  );
  await step('Restart the server: the session opens again with no QR', async () => {
    await stack.server.stop();
    await stack.server.start();
    await waitFor(
      'the session',
      async () => (await fetchStatus(stack.url, token)).whatsapp_connected,
      10_000,
    );
  });
  await step('Uninstall: the device is unlinked', async () => {
    await yclients.uninstall(demoSalon.id);
    await waitFor('the phone to have no device', () => owner.linkedDevices.length === 0, 10_000);
  });
  printLine('');
  printLine("What the client's phone received first:");
  for (const line of confirmation.text.split('\n')) printLine(`  ${line}`);
}

async function expectConnectPage({ url }: Stack): Promise<void> {
  const response = await fetch(`${url}/marketplace/connect`, { headers: { accept: 'text/html' } });
  const html = await response.text();
  if (response.status !== 200 || !html.includes('id="qr"')) {
    throw new Error(`The connect page answered ${response.status}`);
  }
}

async function step<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const startedMs = performance.now();
  try {
    const result = await work();
    printLine(`ok   ${seconds(startedMs)}  ${name}`);
    return result;
  } catch (error) {
    printLine(`FAIL ${seconds(startedMs)}  ${name}`);
    throw error;
  }
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(2).padStart(6)} s`;
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await runJourney();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
