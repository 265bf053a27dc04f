import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { FootprintReader } from '../dev-env/footprint/footprint-reader.ts';
import type { Footprint } from '../dev-env/footprint/footprint.ts';
import { startStack } from '../dev-env/network.ts';
import { PostgresServer } from '../dev-env/postgres-server.ts';
import { muteLibsignalConsole } from '../dev-env/simulators/whatsapp/libsignal-console.ts';
import { TemporaryDirectory } from '../dev-env/temporary-directory.ts';
import { waitFor } from '../dev-env/wait-for.ts';
import { Child } from './child-process.ts';
import { type Identity, linkDevices, storeIdentities, writeIdentities } from './identities.ts';

/** Limits of the server with as many sessions as one instance is designed for. */
const limits = { sessions: 300, memoryRatio: 1.15, openAfterSeconds: 60, loopP99Ms: 200 } as const;

/** Cost of the sessions: the difference to the same process without sessions. */
type Sessions = Readonly<{
  perSessionKb: number;
  heapPerSessionKb: number;
  openAfterSeconds: number;
  loopP99Ms: number;
}>;

const { values: options } = parseArgs({ options: { sessions: { type: 'string', default: '300' } } });
const count = Number(options.sessions);
const settleMs = 10_000;
const openTimeoutMs = 180_000;

/** Measures as soon as all sessions are open. @throws Error when a session closes meanwhile */
async function measureSessions(
  watch: FootprintReader,
  pid: number,
  empty: Footprint,
  startedMs: number,
  openSessions: () => Promise<unknown>,
): Promise<Sessions> {
  const openAfterSeconds = (performance.now() - startedMs) / 1_000;
  const { loopP99Ms } = await watch.read(pid);
  await delay(settleMs);
  const full = await watch.read(pid);
  const open = await openSessions();
  if (open !== count) throw new Error(`${String(open)} of ${count} sessions stayed open`);
  const perSessionKb = (full.rssBytes - empty.rssBytes) / count / 1_024;
  const heapPerSessionKb = (full.heapBytes - empty.heapBytes) / count / 1_024;
  return { perSessionKb, heapPerSessionKb, openAfterSeconds, loopP99Ms };
}

async function bareSessions(
  url: string,
  identities: readonly Identity[],
  directory: string,
): Promise<Sessions> {
  const watch = new FootprintReader(directory);
  const files = writeIdentities(directory, identities);
  await using bare = new Child('bare-sessions.ts', [url], watch.environment);
  await bare.nextMessage();
  const empty = await watch.read(bare.pid);
  const startedMs = performance.now();
  bare.send({ files });
  await bare.nextMessage();
  return await measureSessions(watch, bare.pid, empty, startedMs, async () => {
    bare.send('count');
    return await bare.nextMessage();
  });
}

/** The whole server, first without sessions and, after a restart, with all of them. */
async function ourSessions(
  url: string,
  identities: readonly Identity[],
  directory: string,
): Promise<Sessions> {
  const watch = new FootprintReader(directory);
  const encryptionKey = { id: 'bench', key: randomBytes(32) };
  await using postgres = await PostgresServer.start();
  const databaseUrl = await postgres.createDatabase();
  await using stack = await startStack({
    databaseUrl,
    environment: {
      ENCRYPTION_KEYS: `${encryptionKey.id}:${Buffer.from(encryptionKey.key).toString('base64')}`,
      WHATSAPP_WS_URL: url,
      ...watch.environment,
    },
  });
  await delay(settleMs);
  const empty = await watch.read(stack.server.pid);
  await stack.server.stop();
  await storeIdentities(databaseUrl, encryptionKey, identities);

  const startedMs = performance.now();
  await stack.server.start();
  await waitFor(
    'all sessions to be open',
    async () => {
      await delay(100);
      return (await connectedSessions(stack.url)) === count;
    },
    openTimeoutMs,
  );
  return await measureSessions(watch, stack.server.pid, empty, startedMs, () => connectedSessions(stack.url));
}

async function connectedSessions(serverUrl: string): Promise<number> {
  const metrics = await (await fetch(`${serverUrl}/metrics`)).text();
  return Number(/^marketplace_whatsapp_connections\{status="connected"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

/** @returns the exit code */
async function bench(): Promise<number> {
  using _quiet = muteLibsignalConsole();
  using directory = new TemporaryDirectory();
  await using whatsapp = new Child('whatsapp-process.ts');
  const { url } = (await whatsapp.nextMessage()) as { url: string };
  console.log(`Linking ${count} devices`);
  const identities = await linkDevices(whatsapp, url, count);
  console.log('Opening them with bare Baileys, its keys in memory');
  const bare = await bareSessions(url, identities, directory.path);
  console.log('Opening them with the server');
  const ours = await ourSessions(url, identities, directory.path);
  const report = {
    at: new Date().toISOString(),
    node: process.version,
    sessions: count,
    memoryRatio: ours.perSessionKb / bare.perSessionKb,
    ours,
    bare,
  };
  console.log(`Memory of a session: ${report.memoryRatio.toFixed(2)} of bare Baileys`);
  console.table({ ours, bare });
  mkdirSync('bench-results', { recursive: true });
  writeFileSync('bench-results/sessions.json', `${JSON.stringify(report, undefined, 2)}\n`);
  const isWithin =
    report.memoryRatio <= limits.memoryRatio &&
    ours.openAfterSeconds <= limits.openAfterSeconds &&
    ours.loopP99Ms <= limits.loopP99Ms;
  if (count < limits.sessions || isWithin) return 0;
  console.error(`Limits exceeded: ${JSON.stringify(limits)}`);
  return 1;
}

process.exit(await bench());
