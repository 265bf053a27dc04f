import { listFrom } from '../rpc/row-reader.ts';
import type { Rpc } from '../rpc/client.ts';

type Version = readonly [number, number, number];

/** The newest version of WhatsApp Web that any instance was told of. */
export class StoredClientVersion {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async read(): Promise<Version | undefined> {
    const stored = await this.#rpc.call('client_version');
    if (stored === null) return undefined;
    const [first, second, third] = listFrom(stored, 'version').map(Number);
    return [first ?? 0, second ?? 0, third ?? 0];
  }

  /** Keeps the newer of this one and the one it has. */
  async save(version: Version): Promise<void> {
    await this.#rpc.call('client_version_save', { p_version: version });
  }
}
