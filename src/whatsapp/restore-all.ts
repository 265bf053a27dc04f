import type { CompanyId } from '../domain/ids.ts';

const maxConcurrentRestores = 5;

/**
 * Restores a few sessions at a time, so that a restart with hundreds of them does not starve the event loop. How fast they
 * follow each other is up to the budget that each of them takes its turn from.
 */
export async function restoreAll(
  options: Readonly<{
    companies: readonly CompanyId[];
    signal: AbortSignal;
    restore: (companyId: CompanyId) => Promise<void>;
  }>,
): Promise<void> {
  const { companies, signal, restore } = options;
  const queue = companies.values();
  const worker = async (): Promise<void> => {
    for (const companyId of queue) {
      if (signal.aborted) return;
      await restore(companyId);
    }
  };
  await Promise.all(Array.from({ length: maxConcurrentRestores }, worker));
}
