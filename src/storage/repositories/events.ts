import { companyIdFrom } from '../../domain/ids.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { Events, MarketplaceEvent, RecordedEvent } from '../../ports/events.ts';
import type { Rpc } from '../rpc/client.ts';
import { listFrom, type RowReader } from '../rpc/row-reader.ts';

/** Event log of the companies. */
export class StoredEvents implements Events {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async record(event: MarketplaceEvent): Promise<void> {
    await this.#rpc.call('event_record', {
      p_company_id: event.companyId,
      p_type: event.type,
      p_cause: event.cause,
      p_detail: event.detail ?? {},
    });
  }

  async latest(companyId: CompanyId, limit: number): Promise<readonly RecordedEvent[]> {
    const rows = await this.#rpc.rows('events_latest', { p_company_id: companyId, p_limit: limit });
    return rows.map(eventFrom);
  }

  async latestType(companyId: CompanyId, types: readonly string[]): Promise<string | undefined> {
    const [type] = listFrom(
      await this.#rpc.call('event_latest_type', { p_company_id: companyId, p_types: types }),
    );
    return typeof type === 'string' ? type : undefined;
  }

  async byRecord(companyId: CompanyId, recordId: number, limit: number): Promise<readonly RecordedEvent[]> {
    const rows = await this.#rpc.rows('events_by_record', {
      p_company_id: companyId,
      p_record_id: recordId,
      p_limit: limit,
    });
    return rows.map(eventFrom);
  }
}

function eventFrom(row: RowReader): RecordedEvent {
  return {
    id: row.number('id'),
    companyId: companyIdFrom(row.number('company_id')),
    type: row.text('type'),
    cause: row.text('cause'),
    detail: detailFrom(row.record('detail')),
    createdAt: row.date('created_at'),
  };
}

type Detail = NonNullable<MarketplaceEvent['detail']>;

function detailFrom(record: Readonly<Record<string, unknown>>): Detail {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, isScalar(value) ? value : JSON.stringify(value)]),
  );
}

function isScalar(value: unknown): value is Detail[string] {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
