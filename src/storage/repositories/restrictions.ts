import { type CompanyId, companyIdFrom } from '../../domain/ids.ts';
import { type Restriction, restrictionSources } from '../../domain/notification/restriction.ts';
import type { ReachoutTimelockUpdate, Restrictions } from '../../ports/restrictions.ts';
import type { Rpc } from '../rpc/client.ts';
import { listFrom, RowReader } from '../rpc/row-reader.ts';

const changes = ['began', 'ended'] as const;

/** Reachout timelocks of the companies' numbers. */
export class StoredRestrictions implements Restrictions {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async record(
    companyId: CompanyId,
    { result, source, endsAt, kind }: ReachoutTimelockUpdate,
  ): Promise<Readonly<{ change: 'began' | 'ended' | undefined; endsAt: Date | undefined }>> {
    const change = new RowReader(
      await this.#rpc.call('restriction_record', {
        p_company_id: companyId,
        p_answer: result,
        p_source: source,
        p_ends_at: endsAt?.toISOString() ?? null,
        p_kind: kind ?? null,
      }),
    );
    return {
      change: change.optionalText('change') === undefined ? undefined : change.oneOf(changes, 'change'),
      endsAt: change.optionalDate('ends_at'),
    };
  }

  async due(recheckAfterMs: number): Promise<readonly CompanyId[]> {
    const due = await this.#rpc.call('restrictions_due', { p_retry_after_ms: recheckAfterMs });
    return listFrom(due).map((id) => companyIdFrom(id));
  }

  async current(companyId: CompanyId): Promise<Restriction | undefined> {
    const row = await this.#rpc.row('restrictions_current', { p_company_id: companyId, p_limit: 1 });
    return row && restrictionFrom(row);
  }

  async latest(limit: number): Promise<readonly (Restriction & Readonly<{ companyId: CompanyId }>)[]> {
    const rows = await this.#rpc.rows('restrictions_current', { p_company_id: null, p_limit: limit });
    return rows.map((row) => ({
      companyId: companyIdFrom(row.number('company_id')),
      ...restrictionFrom(row),
    }));
  }

  async count(): Promise<number> {
    return Number(await this.#rpc.call('restrictions_count'));
  }
}

function restrictionFrom(row: RowReader): Restriction {
  return {
    beganAt: row.date('began_at'),
    endsAt: row.date('ends_at'),
    kind: row.optionalText('kind'),
    source: row.oneOf(restrictionSources, 'source'),
  };
}
