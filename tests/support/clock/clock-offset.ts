import { readFileSync } from 'node:fs';

// Preload of a server: shifts its wall clock by the milliseconds in CLOCK_OFFSET_FILE, which may change at any time. Timers,
// the database and other processes keep the true time.

const offsetFile = process.env['CLOCK_OFFSET_FILE'];
const realDate = globalThis.Date;
const realNow = realDate.now;
let offsetMs = 0;

if (offsetFile !== undefined) {
  setInterval(() => (offsetMs = Number(readFileSync(offsetFile, 'utf8'))), 50).unref();
  const now = (): number => realNow() + offsetMs;
  globalThis.Date = new Proxy(realDate, {
    construct: (target, values: unknown[], newTarget) =>
      Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget) as object,
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)) as unknown,
  });
}
