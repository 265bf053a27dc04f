import { setTimeout as delay } from 'node:timers/promises';

type PendingItem<Item, Outcome> = Readonly<{
  item: Item;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}>;

export type GroupCommitOptions = Readonly<{
  /** Maximum items per write. */
  maxBatchSize: number;
  /** How long a batch that is not full waits for more items; 0 writes at once. */
  waitMs: number;
}>;

/** Batches items that arrive during a write into the next write, so that one commit serves hundreds of callers under load. */
export class GroupCommit<Item, Outcome> {
  readonly #write: (items: readonly Item[]) => Promise<Outcome>;
  readonly #options: GroupCommitOptions;
  #pending: PendingItem<Item, Outcome>[] = [];
  #writing = false;

  constructor(write: (items: readonly Item[]) => Promise<Outcome>, options: GroupCommitOptions) {
    this.#write = write;
    this.#options = options;
  }

  /** Items that are not part of a write yet. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Settles with the write of the item's batch. */
  async add(item: Item): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.#pending.push({ item, resolve, reject });
    if (!this.#writing) void this.#writeAll();
    return await promise;
  }

  async #writeAll(): Promise<void> {
    const { maxBatchSize, waitMs } = this.#options;
    this.#writing = true;
    try {
      while (this.#pending.length > 0) {
        if (waitMs > 0 && this.#pending.length < maxBatchSize) await delay(waitMs);
        const batch = this.#pending.splice(0, maxBatchSize);
        try {
          const outcome = await this.#write(batch.map(({ item }) => item));
          for (const { resolve } of batch) resolve(outcome);
        } catch (error) {
          for (const { reject } of batch) reject(error);
        }
      }
    } finally {
      this.#writing = false;
    }
  }
}
