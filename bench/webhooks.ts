import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { dateInDays, linkSalon } from '../dev-env/clients/linked-salon.ts';
import { startStack } from '../dev-env/network.ts';
import { PostgresServer } from '../dev-env/postgres-server.ts';
import { muteLibsignalConsole } from '../dev-env/simulators/whatsapp/libsignal-console.ts';
import { runExclusively, type Contender, measure, pin, type Slice } from './contender.ts';
import { median, medianInterval, percentile } from './statistics.ts';
import { postSteadily } from './steady-load.ts';

type Latency = Readonly<{ p50Ms: number; p99Ms: number }>;
type Pair<Result> = Readonly<{ ours: Result; baseline: Result }>;

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const pairs = options.quick ? 2 : 12;
const controlPairs = options.quick ? 1 : 8;
const latencyPairs = options.quick ? 1 : 12;
const seconds = options.quick ? 1 : 3;
/** After SIGCONT a server runs its overdue timers and reopens connections before it is measured. */
const settlingSeconds = 1;
/** Warm-up for the JIT compiler. */
const warmUpSeconds = options.quick ? 1 : 10;
const connections = 50;
const serverCore = 0;
const loadCore = 1;
const controlBounds = [0.95, 1.05] as const;
const limits = { throughput: 1, latency: 1.25 } as const;

/** A bare server that commits each webhook separately. */
async function startBaseline(
  databaseUrl: string,
  scope: AsyncDisposableStack,
  name: string,
): Promise<Contender> {
  const entry = fileURLToPath(new URL('baseline-server.ts', import.meta.url));
  const child = spawn(process.execPath, [entry, databaseUrl], { stdio: ['ignore', 'pipe', 'inherit'] });
  scope.defer(async () => {
    const exited = once(child, 'exit');
    child.kill();
    await exited;
  });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { name, url: `http://127.0.0.1:${chunk.toString().trim()}/`, pid: child.pid ?? 0 };
}

/**
 * Settings of a server in steady state: creating a WAL segment costs 40 ms, reusing one costs nothing, and checkpoints are
 * rare compared with the slices.
 */
const walSettings = ["min_wal_size = '2GB'", "max_wal_size = '8GB'", "checkpoint_timeout = '30min'"];

/** Runs the deferred work of both contenders (vacuum, checkpoint) outside of the slices. */
async function vacuumAndCheckpoint(database: Client): Promise<void> {
  await database.query('vacuum analyze');
  await database.query('checkpoint');
}

async function alternate<Result>(
  ours: Contender,
  baseline: Contender,
  count: number,
  slice: (contender: Contender) => Promise<Result>,
): Promise<Pair<Result>[]> {
  const measured: Pair<Result>[] = [];
  for (let pair = 0; pair < count; pair += 1) {
    const slices = new Map<Contender, Result>();
    const contenders = [ours, baseline] as const;
    for (const contender of pair % 2 === 0 ? contenders : contenders.toReversed()) {
      const others = contenders.filter((other) => other !== contender);
      slices.set(contender, await runExclusively(others, () => slice(contender)));
    }
    const [first, second] = [slices.get(ours), slices.get(baseline)];
    if (first !== undefined && second !== undefined) measured.push({ ours: first, baseline: second });
    process.stdout.write('.');
  }
  process.stdout.write('\n');
  return measured;
}

function computeRatios<Result>(measured: readonly Pair<Result>[], of: (slice: Result) => number): number[] {
  return measured.map(({ ours, baseline }) => of(ours) / of(baseline));
}

async function bench(): Promise<number> {
  using _quiet = muteLibsignalConsole();
  await using scope = new AsyncDisposableStack();
  const postgres = scope.use(await PostgresServer.start());
  const databaseUrl = await postgres.createDatabase();
  const stack = scope.use(
    await startStack({ databaseUrl, environment: { TRUST_PROXY: '1', LOG_LEVEL: 'info' } }),
  );
  const salon = await linkSalon(stack);
  const template = stack.yclients
    .book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff: 'Марина',
      start: dateInDays(-30, '14:30:00'),
    })
    .body({ flags: 'int' });
  const database = new Client({ connectionString: databaseUrl });
  await database.connect();
  scope.defer(() => database.end());
  for (const setting of walSettings) await database.query(`alter system set ${setting}`);
  await database.query('select pg_reload_conf()');
  await database.query(`create table bench_inbox (id bigint generated always as identity primary key,
    company_id bigint not null, body jsonb not null, created_at timestamptz not null default now())`);

  let webhooks = 0;
  const bodyTemplate = JSON.stringify({
    company_id: salon.salonId,
    resource: 'record',
    resource_id: '#',
    status: 'update',
    data: { ...template, id: '#' },
  }).replaceAll('"#"', '#');
  const nextBody = (): string => bodyTemplate.replaceAll('#', String(100_000_000 + (webhooks += 1)));

  const ours: Contender = { name: 'ours', url: salon.webhookUrl, pid: stack.server.pid };
  const baseline = await startBaseline(databaseUrl, scope, 'baseline');
  const control = await startBaseline(databaseUrl, scope, 'control');
  for (const { pid } of [ours, baseline, control]) pin(pid, serverCore);
  pin(process.pid, loadCore);
  const load = { seconds, connections, nextBody };
  const full = (contender: Contender): Promise<Slice> => measure(contender, load);
  for (const contender of [ours, baseline, control])
    await measure(contender, { ...load, seconds: warmUpSeconds });

  console.log('A/A control');
  let controlRatio = NaN;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    controlRatio = median(
      computeRatios(await alternate(control, baseline, controlPairs, full), (slice) => slice.perSecond),
    );
    if (isWithin(controlRatio)) break;
  }
  console.log('Acknowledgements a second');
  const throughput = await alternate(ours, baseline, pairs, full);
  const backlog = await waitingJobs(database);
  const rate = Math.floor(median(throughput.map((pair) => pair.baseline.perSecond)) / 2);
  console.log(`Latency at ${rate} a second`);
  const steady = { ...load, rate, seconds: seconds + settlingSeconds };
  const half = async ({ url }: Contender): Promise<Latency> => {
    const settled = (await postSteadily(url, steady)).slice(settlingSeconds * rate);
    return { p50Ms: percentile(settled, 50), p99Ms: percentile(settled, 99) };
  };
  await vacuumAndCheckpoint(database);
  // The first write to a page after a checkpoint logs the full page.
  await alternate(ours, baseline, 1, half);
  const latency = await alternate(ours, baseline, latencyPairs, half);

  const ratios = computeRatios(throughput, ({ perSecond }) => perSecond);
  const latencyRatios = computeRatios(latency, ({ p99Ms }) => p99Ms);
  const report = {
    at: new Date().toISOString(),
    node: process.version,
    bodyBytes: Buffer.byteLength(nextBody()),
    control: controlRatio,
    throughput: {
      ratio: median(ratios),
      interval: medianInterval(ratios, Math.random),
      oursPerSecond: median(throughput.map((pair) => pair.ours.perSecond)),
      baselinePerSecond: median(throughput.map((pair) => pair.baseline.perSecond)),
      oursCpuMicros: median(throughput.map((pair) => pair.ours.cpuMicros)),
      baselineCpuMicros: median(throughput.map((pair) => pair.baseline.cpuMicros)),
      jobsWaitingAfterwards: backlog,
    },
    latency: {
      rate,
      ratio: median(latencyRatios),
      interval: medianInterval(latencyRatios, Math.random),
      oursP50Ms: median(latency.map((pair) => pair.ours.p50Ms)),
      baselineP50Ms: median(latency.map((pair) => pair.baseline.p50Ms)),
      oursP99Ms: median(latency.map((pair) => pair.ours.p99Ms)),
      baselineP99Ms: median(latency.map((pair) => pair.baseline.p99Ms)),
    },
    raw: { throughput, latency },
  };
  print(report);
  if (!options.quick) {
    mkdirSync('bench-results', { recursive: true });
    writeFileSync('bench-results/webhooks.json', `${JSON.stringify(report, undefined, 2)}\n`);
  }
  if (options.quick) return 0;
  if (isWithin(controlRatio)) {
    const holds = report.throughput.ratio >= limits.throughput && report.latency.ratio <= limits.latency;
    if (!holds) console.error(`Limits exceeded: ${JSON.stringify(limits)}`);
    return holds ? 0 : 1;
  }
  console.error(
    `Control outside ${controlBounds.join(' to ')}: result inconclusive, repeat on an idle machine`,
  );
  return 1;
}

function isWithin(ratio: number): boolean {
  return ratio >= controlBounds[0] && ratio <= controlBounds[1];
}

async function waitingJobs(database: Client): Promise<number> {
  const { rows } = await database.query<{ jobs: number }>(
    `select count(*)::int as jobs from pgboss.job where name = 'webhooks' and state in ('created', 'retry', 'active')`,
  );
  return rows[0]?.jobs ?? 0;
}

function print({
  control,
  throughput,
  latency,
}: Readonly<{
  control: number;
  throughput: Readonly<Record<string, number | readonly [number, number]>>;
  latency: Readonly<Record<string, number | readonly [number, number]>>;
}>): void {
  console.log(`A/A control: ${control.toFixed(3)}`);
  console.table({ throughput, latency });
}

process.exit(await bench());
