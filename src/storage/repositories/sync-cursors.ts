import type { CompanyId } from '../../domain/ids.ts';
import type { SyncCursors } from '../../ports/bookings.ts';
import type { Rpc } from '../rpc/client.ts';
import { dateFrom, RowReader } from '../rpc/row-reader.ts';

/** Up to when the YCLIENTS records of each company have been read. */
export class StoredSyncCursors implements SyncCursors {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async begin(companyId: CompanyId, job: string): Promise<Date | undefined> {
    const until = await this.#rpc.call('sync_cursor_begin', { p_company_id: companyId, p_job: job });
    return until === null ? undefined : dateFrom(until, 'sync_cursor_begin');
  }

  async finish(companyId: CompanyId, until: Date): Promise<void> {
    await this.#rpc.call('sync_cursor_finish', { p_company_id: companyId, p_until: until.toISOString() });
  }

  async runCounts(companyIds: readonly CompanyId[]): Promise<ReadonlyMap<CompanyId, number>> {
    const counts = new RowReader(
      await this.#rpc.call('sync_cursor_run_counts', { p_company_ids: companyIds }),
    );
    return new Map(companyIds.map((id) => [id, counts.optionalNumber(String(id)) ?? 0]));
  }
}
