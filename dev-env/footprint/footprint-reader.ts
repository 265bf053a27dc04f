import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../wait-for.ts';
import type { Footprint } from './footprint.ts';

const module = fileURLToPath(new URL('footprint.ts', import.meta.url));

/** Reads the footprint of a process that was started with `environment`. */
export class FootprintReader {
  readonly #file: string;

  constructor(directory: string) {
    this.#file = path.join(directory, 'footprint.json');
  }

  get environment(): Readonly<Record<string, string>> {
    return { FOOTPRINT_FILE: this.#file, NODE_OPTIONS: `--import ${module}` };
  }

  async read(pid: number): Promise<Footprint> {
    rmSync(this.#file, { force: true });
    process.kill(pid, 'SIGUSR2');
    await waitFor('the footprint', () => existsSync(this.#file), 30_000);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by footprint.ts
    return JSON.parse(readFileSync(this.#file, 'utf8')) as Footprint;
  }
}
