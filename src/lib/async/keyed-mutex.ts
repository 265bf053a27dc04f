/** Runs the tasks of one key one at a time, first in, first out. Different keys are independent. */
export class KeyedMutex<Key> {
  readonly #tails = new Map<Key, Promise<unknown>>();

  /** Resolves or rejects with the task. A failed task does not block the next one. */
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

  /** Resolves when all tasks queued so far have settled. */
  async settled(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}
