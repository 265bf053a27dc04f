import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A directory that is removed when it is disposed. */
export class TemporaryDirectory implements Disposable {
  readonly path: string = mkdtempSync(path.join(tmpdir(), 'marketplace-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
