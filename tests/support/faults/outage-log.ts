import type { OutageCallbacks } from '../../../src/lib/async/outage-monitor.ts';

/** Records reported outages, such as `Job queue began`. */
export class OutageLog {
  readonly lines: string[] = [];

  readonly callbacks = (what: string): OutageCallbacks => ({
    began: () => void this.lines.push(`${what} began`),
    ended: () => void this.lines.push(`${what} ended`),
  });
}

export const monotonicMs = (): number => performance.now();
