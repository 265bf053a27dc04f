type Waiting<Item> = Readonly<{ item: Item; resolve: () => void; reject: (error: unknown) => void }>;

const largestGroup = 500;

/**
 * Writes everything that arrived while the last write ran in one go. Under load one commit serves hundreds of callers; a
 * lone caller waits for nobody.
 */
export class GroupCommit<Item> {
  readonly #write: (items: readonly Item[]) => Promise<void>;
  #waiting: Waiting<Item>[] = [];
  #writing = false;

  constructor(write: (items: readonly Item[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when the item's group is written, rejects with the group's error. */
  async add(item: Item): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ item, resolve, reject });
    if (!this.#writing) void this.#writeAll();
    await promise;
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#waiting.length > 0) {
        const group = this.#waiting.splice(0, largestGroup);
        try {
          await this.#write(group.map(({ item }) => item));
          for (const { resolve } of group) resolve();
        } catch (error) {
          for (const { reject } of group) reject(error);
        }
      }
    } finally {
      this.#writing = false;
    }
  }
}
