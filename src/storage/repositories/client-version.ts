import type { Rpc } from '../rpc/client.ts';
import { listFrom } from '../rpc/row-reader.ts';

type Version = readonly [number, number, number];

/** Newest WhatsApp Web version known to any instance. */
export class StoredClientVersion {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  /** @returns undefined before the first save */
  async read(): Promise<Version | undefined> {
    const stored = await this.#rpc.call('client_version');
    if (stored === null) return undefined;
    const [first, second, third] = listFrom(stored, 'version').map(Number);
    return [first ?? 0, second ?? 0, third ?? 0];
  }

  /** Stores the version if it is newer than the stored one. */
  async save(version: Version): Promise<void> {
    await this.#rpc.call('client_version_save', { p_version: version });
  }
}
