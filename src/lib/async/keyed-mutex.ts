/** Runs the tasks of one key one after another, in the order of asking; different keys do not wait for each other. */
export class KeyedMutex<Key> {
  readonly #tails = new Map<Key, Promise<unknown>>();

  async run<Result>(key: Key, task: () => Promise<Result>): Promise<Result> {
    const previous = this.#tails.get(key) ?? Promise.resolve();
    const result = previous.then(task);
    const tail = result.catch(() => undefined);
    this.#tails.set(key, tail);
    try {
      return await result;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }

  /** Resolves when the tasks asked for so far have ended, in whatever way. */
  async settled(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}
