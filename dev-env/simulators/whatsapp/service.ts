import type { Directory } from './directory.ts';
import type { EventLog } from './event-log.ts';
import type { Faults } from './faults/faults.ts';
import type { SimulatorConfig } from './options.ts';
import type { Timers } from './timers.ts';

/** State shared by the parts of the simulated service. */
export type Service = Readonly<{
  config: SimulatorConfig;
  log: EventLog;
  faults: Faults;
  directory: Directory;
  timers: Timers;
}>;

export function unixSeconds(service: Service): string {
  return String(Math.floor(service.config.now() / 1000));
}
