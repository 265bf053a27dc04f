import { setTimeout as wait } from 'node:timers/promises';
import type { CompanyId } from '../domain/ids.ts';

const atOnce = 5;

/**
 * Restores a few sessions at a time, so that a restart with hundreds of them does not starve the event loop. The first few
 * begin at once, each later one after a random part of `spreadMs`.
 */
export async function restoreAll(
  options: Readonly<{
    companies: readonly CompanyId[];
    spreadMs: number;
    random: () => number;
    signal: AbortSignal;
    restore: (companyId: CompanyId) => Promise<void>;
  }>,
): Promise<void> {
  const { companies, spreadMs, random, signal, restore } = options;
  const queue = companies.entries();
  const worker = async (): Promise<void> => {
    for (const [index, companyId] of queue) {
      if (index >= atOnce) await wait(spreadMs * random(), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await restore(companyId);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
