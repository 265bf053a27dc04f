import type { CompanyId } from '../domain/ids.ts';

export type MarketplaceEvent = Readonly<{
  companyId: CompanyId;
  /** snake_case, such as `webhook_processed`. */
  type: string;
  /** Trigger of the event, such as `webhook:<job id>`. */
  cause: string;
  /** Numbers and codes; never a phone number, a name or a message text. */
  detail?: Readonly<Record<string, string | number | boolean | null>>;
}>;

export type RecordedEvent = MarketplaceEvent & Readonly<{ id: number; createdAt: Date }>;

/** The event log of each company. */
export interface Events {
  /** Appends one event. */
  record(event: MarketplaceEvent): Promise<void>;
  /** Newest first. */
  latest(companyId: CompanyId, limit: number): Promise<readonly RecordedEvent[]>;
  /** Type of the newest event among `types`; undefined if there is none. */
  latestType(companyId: CompanyId, types: readonly string[]): Promise<string | undefined>;
  /** Events of one booking, oldest first. */
  byRecord(companyId: CompanyId, recordId: number, limit: number): Promise<readonly RecordedEvent[]>;
}
