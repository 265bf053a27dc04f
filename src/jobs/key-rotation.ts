import { setTimeout as delay } from 'node:timers/promises';
import { UnreadableSecretError, type Keyring } from '../crypto/keyring.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type {
  EncryptedReplacement,
  EncryptedTable,
  EncryptedValue,
  EncryptedValues,
} from '../ports/encrypted-values.ts';

export type KeyRotationDeps = Readonly<{
  stores: readonly EncryptedValues[];
  keyring: Keyring;
  report: Pick<BusinessEvents, 'reencryptionStarted' | 'reencryptionFinished'>;
}>;

export type KeyRotationOptions = Readonly<{
  /** Values per batch. Default: 100. */
  batchSize?: number;
  /** Pause between batches, to leave the database to other work. Default: 20. */
  pauseMs?: number;
}>;

type RoundResult = { reencrypted: number; unreadable: number };

/**
 * Re-encrypts stored values under the current key, so that older keys can be removed. Needs no session lease: each value is
 * replaced by compare-and-swap and its plaintext stays the same. An interrupted run is resumed by the next process.
 */
export class KeyRotation implements AsyncDisposable {
  readonly #deps: KeyRotationDeps;
  readonly #options: KeyRotationOptions;
  readonly #abortController = new AbortController();
  #running: Promise<void> | undefined;
  #staleCount: number | undefined;

  constructor(deps: KeyRotationDeps, options: KeyRotationOptions = {}) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Values under other keys; undefined before the first count. */
  get staleCount(): number | undefined {
    return this.#staleCount;
  }

  /** Resolves when no further value can be re-encrypted. Concurrent calls share one run. @throws errors of the stores */
  async run(): Promise<void> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abortController.abort();
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { report, stores } = this.#deps;
    const initialCount = await this.#countStale();
    if (initialCount > 0) report.reencryptionStarted(initialCount);
    const { reencrypted, unreadable, staleCount } = await this.#runRounds(initialCount);
    if (this.#abortController.signal.aborted) return;
    // Includes ciphertext that an earlier run replaced but could not remove (process exit, full disk).
    const compacted = await Promise.all(stores.map((store) => store.compact()));
    if (initialCount > 0 || compacted.includes(true))
      report.reencryptionFinished({ reencrypted, unreadable, staleCount });
  }

  async #runRounds(initialCount: number): Promise<RoundResult & { staleCount: number }> {
    const totals = { reencrypted: 0, unreadable: 0, staleCount: initialCount };
    let round: RoundResult | undefined;
    // A round leaves values that were written concurrently, also by instances that still use the old key.
    while (
      totals.staleCount > totals.unreadable &&
      round?.reencrypted !== 0 &&
      !this.#abortController.signal.aborted
    ) {
      round = await this.#runRound();
      totals.reencrypted += round.reencrypted;
      totals.unreadable = round.unreadable;
      totals.staleCount = await this.#countStale();
    }
    return totals;
  }

  async #countStale(): Promise<number> {
    const { stores, keyring } = this.#deps;
    const counts = await Promise.all(stores.map((store) => store.countStale(keyring.currentKeyPrefix)));
    this.#staleCount = counts.reduce((sum, count) => sum + count, 0);
    return this.#staleCount;
  }

  async #runRound(): Promise<RoundResult> {
    const round: RoundResult = { reencrypted: 0, unreadable: 0 };
    for (const store of this.#deps.stores) {
      for (const table of store.tables) await this.#reencryptTable(table, round);
    }
    return round;
  }

  async #reencryptTable(table: EncryptedTable, round: RoundResult): Promise<void> {
    const { keyring } = this.#deps;
    const { batchSize = 100, pauseMs = 20 } = this.#options;
    let last: EncryptedValue | undefined;
    while (!this.#abortController.signal.aborted) {
      const staleValues = await table.findStale(keyring.currentKeyPrefix, last, batchSize);
      last = staleValues.at(-1);
      if (last === undefined) return;
      const replacements = staleValues.flatMap((stored) => this.#reencrypt(stored));
      round.unreadable += staleValues.length - replacements.length;
      if (replacements.length > 0) round.reencrypted += await table.replace(replacements);
      await delay(pauseMs, undefined, { signal: this.#abortController.signal }).catch(() => undefined);
    }
  }

  #reencrypt(stored: EncryptedValue): EncryptedReplacement[] {
    const { keyring } = this.#deps;
    try {
      return [{ stored, value: keyring.seal(stored.context, keyring.open(stored.context, stored.value)) }];
    } catch (error) {
      if (error instanceof UnreadableSecretError) return [];
      throw error;
    }
  }
}
