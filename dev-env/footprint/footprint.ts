import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Memory of a process after a garbage collection, and its event loop delay since the last reading. */
export type Footprint = Readonly<{ rssBytes: number; heapBytes: number; loopP99Ms: number }>;

/** Preload (`--import`) of the measured process: writes a `Footprint` to `FOOTPRINT_FILE` on SIGUSR2. */
const file = process.env['FOOTPRINT_FILE'];
if (file !== undefined) {
  setFlagsFromString('--expose-gc');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- defined by the flag
  const collectGarbage = runInNewContext('gc') as () => void;
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  process.on('SIGUSR2', () => {
    const loopP99Ms = delays.percentile(99) / 1e6;
    delays.reset();
    collectGarbage();
    const { rss, heapUsed } = process.memoryUsage();
    const footprint: Footprint = { rssBytes: rss, heapBytes: heapUsed, loopP99Ms };
    writeFileSync(`${file}.new`, JSON.stringify(footprint));
    renameSync(`${file}.new`, file);
  });
}
