import type { OutageListener } from '../../../src/storage/queue/job-queue.ts';

/** What was told of outages, such as `The job queue began`. */
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
