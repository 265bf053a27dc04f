import type { OutageListener } from '../../../src/storage/queue/job-queue.ts';

/** Records reported outages, such as `Job queue began`. */
export class OutageLog implements OutageListener {
  readonly lines: string[] = [];

  readonly began = (what: string): void => {
    this.lines.push(`${what} began`);
  };

  readonly ended = (what: string): void => {
    this.lines.push(`${what} ended`);
  };
}

export const monotonicMs = (): number => performance.now();
