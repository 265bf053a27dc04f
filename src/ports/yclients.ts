import type { Company } from '../domain/company/company.ts';
import type { SalonId } from '../domain/ids.ts';

export type SalonInfo = Readonly<{
  id: SalonId;
  title: string;
  shortDescription: string;
  /** As YCLIENTS formats it. */
  phone: string | undefined;
  city: string | undefined;
  timeZone: string | undefined;
  businessTypeId: number | undefined;
  /** Title in the business type dictionary of YCLIENTS. */
  businessTypeTitle: string | undefined;
  /** Service titles, from which the business type is inferred. */
  serviceTitles: readonly string[];
}>;

/** `uninstalled` includes salons that never installed the application. */
export type ApplicationStatus = 'pending' | 'active' | 'freezed' | 'uninstalled';

/**
 * Update of a YCLIENTS record after a client's reply. `attendance: 2` is "confirmed by the client", 0 resets it; the salon
 * alone sets 1 (came) and -1 (did not come).
 */
export type AttendanceUpdate = Readonly<{ attendance: 2 | 0; comment?: string }>;

/** Our application in a salon. `apiKey` and `webhookUrls` are given to YCLIENTS at the activation. */
export type Installation = Readonly<{
  salonId: SalonId;
  apiKey: string;
  webhookUrls: readonly string[];
}>;

/** The YCLIENTS API. Every method throws AppError. */
export interface YclientsApi {
  /** Profile of the salon. */
  getCompany(salonId: SalonId): Promise<SalonInfo>;
  /** Status of our application in the salon. */
  getApplicationStatus(salonId: SalonId): Promise<ApplicationStatus>;
  /** `POST /marketplace/partner/callback`. Not idempotent, so not retried: check the status before another attempt. */
  activate(installation: Installation): Promise<'activated' | 'already_installed'>;
  /** `data` of a record; undefined if it does not exist. @throws AppError `FORBIDDEN`, `UPSTREAM_ERROR` */
  getRecord(salonId: SalonId, recordId: number): Promise<unknown>;
  /** One page of records, including deleted ones. */
  listRecords(
    salonId: SalonId,
    query: Readonly<{ changedAfter: Date } | { startDate: string }> &
      Readonly<{ page: number; count: number }>,
  ): Promise<readonly unknown[]>;
  /**
   * Reads the record again and updates it. `gone`: the record is deleted or does not exist.
   * @throws AppError `FORBIDDEN` without the permission
   */
  updateAttendance(
    company: Pick<Company, 'salonId' | 'timeZone'>,
    recordId: number,
    update: AttendanceUpdate,
  ): Promise<'updated' | 'gone'>;
  /** URLs to which YCLIENTS posts the salon's webhooks. */
  webhookUrls(salonId: SalonId): Promise<readonly string[]>;
}
