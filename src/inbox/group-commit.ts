import { setTimeout as delay } from 'node:timers/promises';

type PendingItem<Item, Outcome> = Readonly<{
  item: Item;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}>;

export type GroupCommitOptions = Readonly<{
  /** Largest group of one write. */
  maxBatchSize: number;
  /** How long a group that is not full waits for company; 0: not at all. */
  waitMs: number;
}>;

/**
 * Writes everything that arrived while the last write ran in one go. Under load one commit serves hundreds of callers; a
 * lone caller waits for nobody unless it is told to.
 */
export class GroupCommit<Item, Outcome> {
  readonly #write: (items: readonly Item[]) => Promise<Outcome>;
  readonly #options: GroupCommitOptions;
  #pending: PendingItem<Item, Outcome>[] = [];
  #writing = false;

  constructor(write: (items: readonly Item[]) => Promise<Outcome>, options: GroupCommitOptions) {
    this.#write = write;
    this.#options = options;
  }

  /** How many items no write has taken yet. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Resolves when the item's group is written, rejects with the group's error. */
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
