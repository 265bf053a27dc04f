import type { CompanyId } from '../domain/ids.ts';

export type MarketplaceEvent = Readonly<{
  companyId: CompanyId;
  /** snake_case, such as `webhook_processed`. */
  type: string;
  /** What made it happen, such as `webhook:<job id>`. */
  cause: string;
  /** Numbers and words; never a phone, a name or a text. */
  detail?: Readonly<Record<string, string | number | boolean | null>>;
}>;

export type RecordedEvent = MarketplaceEvent & Readonly<{ id: number; createdAt: Date }>;

export interface Events {
  record(event: MarketplaceEvent): Promise<void>;
  /** Newest first. */
  latest(companyId: CompanyId, limit: number): Promise<readonly RecordedEvent[]>;
  /** The latest type among these. */
  latestType(companyId: CompanyId, types: readonly string[]): Promise<string | undefined>;
  /** What happened to one booking, in its order. */
  byRecord(companyId: CompanyId, recordId: number, limit: number): Promise<readonly RecordedEvent[]>;
}
