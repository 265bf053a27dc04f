import { once } from 'node:events';
import { shutdownSignal } from '../../src/lib/async/shutdown-signal.ts';
import { adminApiKey } from '../network.ts';
import { describePortInUse, readCommandLine, usage } from './command-line.ts';
import { Demo, type DemoAddresses } from './demo.ts';

/** Runs until Ctrl+C. */
async function main(): Promise<void> {
  const { help, port } = readCommandLine(process.argv.slice(2), process.env);
  if (help) {
    printLine(usage);
    return;
  }
  const stop = shutdownSignal();
  printLine(
    'Запускаем сервер и симуляторы WhatsApp и YCLIENTS… · Starting the server and the simulated WhatsApp and YCLIENTS…',
  );
  const demo = await Demo.start(port).catch((error: unknown) => {
    // Ctrl+C reaches the server too, which then does not become ready.
    if (stop.aborted) return undefined;
    throw error;
  });
  if (demo === undefined) return;
  if (!stop.aborted) {
    printLine(welcome(demo.addresses));
    await once(stop, 'abort');
  }
  printLine('\nОстанавливаем и удаляем временные данные… · Stopping, removing the temporary data…');
  await demo[Symbol.asyncDispose]();
  printLine('Готово. · Done.');
}

function welcome({ page, marketplace, server, directory }: DemoAddresses): string {
  return `
  Откройте · Open   ${page}

  Маркетплейс (имитация)       ${marketplace}
  Сервер · the real server     ${server}/marketplace/
  Состояние · health           ${server}/health/ready
  Метрики · metrics            ${server}/metrics
  Ключ оператора · X-API-Key   ${adminApiKey}
  Данные и логи · data, logs   ${directory}  (исчезнут при выходе · removed at the end)

  WhatsApp и YCLIENTS здесь имитированы, сервер настоящий. · WhatsApp and YCLIENTS are simulated, the server is real.
  Ctrl+C — остановить · to stop`;
}

function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const sentence = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${describePortInUse(error) ?? sentence}\n`);
  process.exit(1);
}
