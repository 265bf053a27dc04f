import { setTimeout as delay } from 'node:timers/promises';
import { UnreadableSecretError, type Keyring } from '../crypto/keyring.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type {
  EncryptedReplacement,
  EncryptedTable,
  EncryptedValue,
  EncryptedValues,
} from '../ports/encrypted-values.ts';

export type KeyRotationOptions = Readonly<{
  stores: readonly EncryptedValues[];
  keyring: Keyring;
  report: Pick<BusinessEvents, 'reencryptionStarted' | 'reencryptionFinished'>;
  /** Values read and written at once. */
  batchSize?: number;
  /** Between two batches, for everybody else. */
  pauseMs?: number;
}>;

type RoundResult = { reencrypted: number; unreadable: number };

/**
 * Seals anew what is sealed under another key than the first, so that the other one can be removed. Asks for no lease: a value
 * is replaced by itself under another seal, and only while it is the one that was read. What was not done when the process ends
 * is found by the next.
 */
export class KeyRotation implements AsyncDisposable {
  readonly #options: KeyRotationOptions;
  readonly #abortController = new AbortController();
  #running: Promise<void> | undefined;
  #staleCount: number | undefined;

  constructor(options: KeyRotationOptions) {
    this.#options = options;
  }

  /** Values not under the first key; undefined before they were counted. */
  get staleCount(): number | undefined {
    return this.#staleCount;
  }

  /** Resolves when all is done that can be; a run under way is shared. @throws what the stores do */
  async run(): Promise<void> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abortController.abort();
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { report, stores } = this.#options;
    const initialCount = await this.#countStale();
    if (initialCount > 0) report.reencryptionStarted(initialCount);
    const { reencrypted, unreadable, staleCount } = await this.#runRounds(initialCount);
    if (this.#abortController.signal.aborted) return;
    // Also what an earlier run replaced, if its process ended before this or the disk was full.
    const compacted = await Promise.all(stores.map((store) => store.compact()));
    if (initialCount > 0 || compacted.includes(true))
      report.reencryptionFinished({ reencrypted, unreadable, staleCount });
  }

  async #runRounds(initialCount: number): Promise<RoundResult & { staleCount: number }> {
    const totals = { reencrypted: 0, unreadable: 0, staleCount: initialCount };
    let round: RoundResult | undefined;
    // The rest was being written, or came from an instance that still has the other key first.
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
    const { stores, keyring } = this.#options;
    const counts = await Promise.all(stores.map((store) => store.countStale(keyring.currentKeyPrefix)));
    this.#staleCount = counts.reduce((sum, count) => sum + count, 0);
    return this.#staleCount;
  }

  async #runRound(): Promise<RoundResult> {
    const round: RoundResult = { reencrypted: 0, unreadable: 0 };
    for (const store of this.#options.stores) {
      for (const table of store.tables) await this.#reencryptTable(table, round);
    }
    return round;
  }

  async #reencryptTable(table: EncryptedTable, round: RoundResult): Promise<void> {
    const { keyring, batchSize = 100, pauseMs = 20 } = this.#options;
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
    const { keyring } = this.#options;
    try {
      return [{ stored, value: keyring.seal(stored.context, keyring.open(stored.context, stored.value)) }];
    } catch (error) {
      if (error instanceof UnreadableSecretError) return [];
      throw error;
    }
  }
}
