import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { inDays, linkSalon } from '../harness/linked-salon.ts';
import { PostgresServer } from '../harness/postgres.ts';
import { startStack } from '../harness/start-stack.ts';
import { quietLibsignal } from '../simulators/whatsapp/quiet-libsignal.ts';
import { alone, type Contender, type Load, measure, pin, type Slice } from './contender.ts';
import { median, medianInterval } from './statistics.ts';

type Pair = Readonly<{ ours: Slice; baseline: Slice }>;

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const pairs = options.quick ? 2 : 12;
const controlPairs = options.quick ? 1 : 8;
const latencyPairs = options.quick ? 1 : 6;
const seconds = options.quick ? 1 : 3;
/** Until the compiler has seen enough of either. */
const warmUpSeconds = options.quick ? 1 : 10;
const connections = 50;
const serverCore = 0;
const loadCore = 1;
const controlBounds = [0.95, 1.05] as const;

/** A bare server that writes each webhook by itself. */
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

async function alternate(ours: Contender, baseline: Contender, count: number, load: Load): Promise<Pair[]> {
  const measured: Pair[] = [];
  for (let pair = 0; pair < count; pair += 1) {
    const slices = new Map<Contender, Slice>();
    const rivals = [ours, baseline] as const;
    for (const contender of pair % 2 === 0 ? rivals : rivals.toReversed()) {
      const others = rivals.filter((rival) => rival !== contender);
      slices.set(contender, await alone(others, () => measure(contender, load)));
    }
    const [first, second] = [slices.get(ours), slices.get(baseline)];
    if (first !== undefined && second !== undefined) measured.push({ ours: first, baseline: second });
    process.stdout.write('.');
  }
  process.stdout.write('\n');
  return measured;
}

function ratiosOf(measured: readonly Pair[], of: (slice: Slice) => number): number[] {
  return measured.map(({ ours, baseline }) => of(ours) / of(baseline));
}

async function bench(): Promise<number> {
  using _quiet = quietLibsignal();
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
      start: inDays(-30, '14:30:00'),
    })
    .body({ flags: 'int' });
  const database = new Client({ connectionString: databaseUrl });
  await database.connect();
  scope.defer(() => database.end());
  await database.query(`create table bench_inbox (id bigint generated always as identity primary key,
    company_id bigint not null, body jsonb not null, created_at timestamptz not null default now())`);

  let webhooks = 0;
  const shell = JSON.stringify({
    company_id: salon.salonId,
    resource: 'record',
    resource_id: '#',
    status: 'update',
    data: { ...template, id: '#' },
  }).replaceAll('"#"', '#');
  const nextBody = (): string => shell.replaceAll('#', String(100_000_000 + (webhooks += 1)));

  const ours: Contender = { name: 'ours', url: salon.webhookUrl, pid: stack.server.pid };
  const baseline = await startBaseline(databaseUrl, scope, 'baseline');
  const control = await startBaseline(databaseUrl, scope, 'control');
  for (const { pid } of [ours, baseline, control]) pin(pid, serverCore);
  pin(process.pid, loadCore);
  const full = { seconds, connections, nextBody };
  for (const contender of [ours, baseline, control])
    await measure(contender, { ...full, seconds: warmUpSeconds });

  console.log('A/A control');
  let controlRatio = NaN;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    controlRatio = median(
      ratiosOf(await alternate(control, baseline, controlPairs, full), (slice) => slice.perSecond),
    );
    if (isWithin(controlRatio)) break;
  }
  console.log('Acknowledgements a second');
  const throughput = await alternate(ours, baseline, pairs, full);
  const backlog = await waitingJobs(database);
  const rate = Math.floor(median(throughput.map((pair) => pair.baseline.perSecond)) / 2);
  console.log(`Latency at ${rate} a second`);
  const latency = await alternate(ours, baseline, latencyPairs, { ...full, rate, seconds: seconds + 2 });

  const ratios = ratiosOf(throughput, (slice) => slice.perSecond);
  const interval = medianInterval(ratios, Math.random);
  const report = {
    at: new Date().toISOString(),
    node: process.version,
    bodyBytes: Buffer.byteLength(nextBody()),
    control: controlRatio,
    throughput: {
      ratio: median(ratios),
      interval,
      oursPerSecond: median(throughput.map((pair) => pair.ours.perSecond)),
      baselinePerSecond: median(throughput.map((pair) => pair.baseline.perSecond)),
      oursCpuMicros: median(throughput.map((pair) => pair.ours.cpuMicros)),
      baselineCpuMicros: median(throughput.map((pair) => pair.baseline.cpuMicros)),
      jobsWaitingAfterwards: backlog,
    },
    latency: {
      rate,
      ratio: median(ratiosOf(latency, (slice) => slice.p99Ms)),
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
  if (options.quick || isWithin(controlRatio)) return 0;
  console.error(
    `The control leaves ${controlBounds.join(' to ')}: this run says nothing, try again on a quiet machine`,
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
  latency: Readonly<Record<string, number>>;
}>): void {
  console.log(`A/A control: ${control.toFixed(3)}`);
  console.table({ throughput, latency });
}

process.exit(await bench());
