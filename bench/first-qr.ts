import { mkdirSync, writeFileSync } from 'node:fs';
import { io, type Socket } from 'socket.io-client';
import { sendRequest, uniqueClientIp } from '../dev-env/clients/test-clients.ts';
import { adminApiKey, startStack, type Stack } from '../dev-env/network.ts';
import { PostgresServer } from '../dev-env/postgres-server.ts';
import { muteLibsignalConsole } from '../dev-env/simulators/whatsapp/libsignal-console.ts';
import { Child } from './child-process.ts';
import { median, medianInterval } from './statistics.ts';

const pairs = 60;
/** Either limit suffices. */
const limits = { ratio: 1.1, differenceMs: 15 } as const;
/** Unmeasured runs of each contender, for the JIT compiler. */
const warmUps = 15;

/** Requests a code on an open page. @returns milliseconds until it arrives */
async function firstQrMs(page: Socket): Promise<number> {
  if (!page.connected) await waitForEvent(page, 'connect');
  const shown = waitForEvent(page, 'qr-update');
  const startedMs = performance.now();
  page.emit('request-qr');
  await shown;
  return performance.now() - startedMs;
}

async function waitForEvent(page: Socket, event: string): Promise<void> {
  await new Promise<void>((resolve) => page.once(event, () => resolve()));
}

/** Opens the connect page of a new salon. */
async function openPage(stack: Stack, salonId: number): Promise<Socket> {
  const registered = await sendRequest(`${stack.url}/marketplace/register`, {
    headers: { 'x-api-key': adminApiKey },
    body: { salon_id: salonId },
  });
  const { connect_url: connectUrl } = (await registered.json()) as { connect_url: string };
  const token = new URLSearchParams(new URL(connectUrl).hash.slice(1)).get('token');
  return io(`${stack.url}/marketplace`, {
    transports: ['websocket'],
    forceNew: true,
    auth: { token },
    extraHeaders: { origin: new URL(stack.url).origin, 'x-forwarded-for': uniqueClientIp() },
  });
}

/** @returns the exit code */
async function bench(): Promise<number> {
  using _quiet = muteLibsignalConsole();
  await using whatsapp = new Child('whatsapp-process.ts');
  const { url } = (await whatsapp.nextMessage()) as { url: string };
  await using postgres = await PostgresServer.start();
  await using stack = await startStack({
    databaseUrl: await postgres.createDatabase(),
    environment: { TRUST_PROXY: '1', WHATSAPP_WS_URL: url },
  });
  await using bare = new Child('bare-qr-server.ts', [url]);
  const bareUrl = String(await bare.nextMessage());
  let salonId = 700_000;
  const measure = {
    ours: async () => {
      salonId += 1;
      stack.yclients.addSalon({ id: salonId, title: 'Салон', timeZone: 'Europe/Moscow' });
      const page = await openPage(stack, salonId);
      const ms = await firstQrMs(page);
      page.close();
      return ms;
    },
    bare: async () => {
      const page = io(bareUrl, { transports: ['websocket'], forceNew: true });
      const ms = await firstQrMs(page);
      page.close();
      return ms;
    },
  };
  for (let n = 0; n < warmUps; n += 1) {
    await measure.ours();
    await measure.bare();
  }
  const measured: { ours: number; bare: number }[] = [];
  for (let n = 0; n < pairs; n += 1) {
    const bareFirst = n % 2 === 0 ? await measure.bare() : undefined;
    const ours = await measure.ours();
    measured.push({ ours, bare: bareFirst ?? (await measure.bare()) });
  }
  const differences = measured.map((pair) => pair.ours - pair.bare);
  const report = {
    at: new Date().toISOString(),
    node: process.version,
    ratio: median(measured.map((pair) => pair.ours / pair.bare)),
    oursMs: median(measured.map((pair) => pair.ours)),
    bareMs: median(measured.map((pair) => pair.bare)),
    differenceMs: median(differences),
    differenceInterval: medianInterval(differences, Math.random),
    raw: measured,
  };
  const { raw: _raw, ...figures } = report;
  console.table({ 'request-qr to qr-update': figures });
  mkdirSync('bench-results', { recursive: true });
  writeFileSync('bench-results/first-qr.json', `${JSON.stringify(report, undefined, 2)}\n`);
  if (report.ratio <= limits.ratio || report.differenceMs <= limits.differenceMs) return 0;
  console.error(`First-QR limits exceeded: ${JSON.stringify(limits)}`);
  return 1;
}

process.exit(await bench());
