import { setTimeout as delay } from 'node:timers/promises';
import { UnreadableSecretError, type SecretBox } from '../crypto/keyring.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { SealedReplacement, SealedTable, SealedValue, SealedValues } from '../ports/encrypted-values.ts';

export type KeyRotationOptions = Readonly<{
  stores: readonly SealedValues[];
  box: SecretBox;
  report: Pick<BusinessEvents, 'resealingBegan' | 'resealingEnded'>;
  /** Values read and written at once. */
  batch?: number;
  /** Between two batches, for everybody else. */
  pauseMs?: number;
}>;

type Round = { resealed: number; unreadable: number };

/**
 * Seals anew what is sealed under another key than the first, so that the other one can be removed. Asks for no lease: a value
 * is replaced by itself under another seal, and only while it is the one that was read. What was not done when the process ends
 * is found by the next.
 */
export class KeyRotation implements AsyncDisposable {
  readonly #options: KeyRotationOptions;
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  #left: number | undefined;

  constructor(options: KeyRotationOptions) {
    this.#options = options;
  }

  /** Values not under the first key; undefined before they were counted. */
  get left(): number | undefined {
    return this.#left;
  }

  /** Resolves when all is done that can be; a run under way is shared. @throws what the stores do */
  async run(): Promise<void> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { report, stores } = this.#options;
    const found = await this.#count();
    if (found > 0) report.resealingBegan(found);
    const { resealed, unreadable, left } = await this.#rounds(found);
    if (this.#ending.signal.aborted) return;
    // Also what an earlier run replaced, if its process ended before this or the disk was full.
    const forgotten = await Promise.all(stores.map((store) => store.forgetReplaced()));
    if (found > 0 || forgotten.includes(true)) report.resealingEnded({ resealed, unreadable, left });
  }

  async #rounds(found: number): Promise<Round & { left: number }> {
    const done = { resealed: 0, unreadable: 0, left: found };
    let round: Round | undefined;
    // The rest was being written, or came from an instance that still has the other key first.
    while (done.left > done.unreadable && round?.resealed !== 0 && !this.#ending.signal.aborted) {
      round = await this.#round();
      done.resealed += round.resealed;
      done.unreadable = round.unreadable;
      done.left = await this.#count();
    }
    return done;
  }

  async #count(): Promise<number> {
    const { stores, box } = this.#options;
    const counts = await Promise.all(stores.map((store) => store.countNotUnder(box.header)));
    this.#left = counts.reduce((sum, count) => sum + count, 0);
    return this.#left;
  }

  async #round(): Promise<Round> {
    const round: Round = { resealed: 0, unreadable: 0 };
    for (const store of this.#options.stores) {
      for (const table of store.tables) await this.#reseal(table, round);
    }
    return round;
  }

  async #reseal(table: SealedTable, round: Round): Promise<void> {
    const { box, batch = 100, pauseMs = 20 } = this.#options;
    let last: SealedValue | undefined;
    while (!this.#ending.signal.aborted) {
      const found = await table.notUnder(box.header, last, batch);
      last = found.at(-1);
      if (last === undefined) return;
      const replacements = found.flatMap((stored) => this.#resealed(stored));
      round.unreadable += found.length - replacements.length;
      if (replacements.length > 0) round.resealed += await table.replace(replacements);
      await delay(pauseMs, undefined, { signal: this.#ending.signal }).catch(() => undefined);
    }
  }

  #resealed(stored: SealedValue): SealedReplacement[] {
    const { box } = this.#options;
    try {
      return [{ stored, value: box.seal(stored.context, box.open(stored.context, stored.value)) }];
    } catch (error) {
      if (error instanceof UnreadableSecretError) return [];
      throw error;
    }
  }
}
