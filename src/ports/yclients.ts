import type { Company } from '../domain/company/company.ts';
import type { SalonId } from '../domain/ids.ts';

export type SalonInfo = Readonly<{
  id: SalonId;
  title: string;
  shortDescription: string;
  /** As the platform writes it. */
  phone: string | undefined;
  city: string | undefined;
  timeZone: string | undefined;
  businessTypeId: number | undefined;
  /** Title of the business type in the platform's dictionary, when it is known. */
  businessTypeTitle: string | undefined;
  /** Titles of services, as far as they are known; helps to tell the business type. */
  serviceTitles: readonly string[];
}>;

/** `uninstalled` also stands for a salon that never installed the application. */
export type ApplicationStatus = 'pending' | 'active' | 'freezed' | 'uninstalled';

/**
 * What a client's answer changes in the platform's record. `attendance: 2` is "confirmed by the client", 0 takes that back;
 * whether the client came is the salon's to say.
 */
export type AttendanceUpdate = Readonly<{ attendance: 2 | 0; comment?: string }>;

export interface YclientsPlatform {
  getCompany(salonId: SalonId): Promise<SalonInfo>;
  getApplicationStatus(salonId: SalonId): Promise<ApplicationStatus>;
  /** `POST /marketplace/partner/callback`; never retried inside: ask for the status before trying again. */
  activate(
    installation: Readonly<{ salonId: SalonId; apiKey: string; webhookUrls: readonly string[] }>,
  ): Promise<'activated' | 'already_installed'>;
  /** `data` of the platform's record; undefined when it has none with this number. @throws AppError `FORBIDDEN`, `UPSTREAM_ERROR` */
  getRecord(salonId: SalonId, recordId: number): Promise<unknown>;
  /** One page of records, deleted ones included; `data` of each. @throws AppError */
  listRecords(
    salonId: SalonId,
    query: Readonly<{ changedAfter: Date } | { startDate: string }> &
      Readonly<{ page: number; count: number }>,
  ): Promise<readonly unknown[]>;
  /**
   * Writes back what a client answered; the record is read again first. `gone`: it is deleted, or not there at all.
   * @throws AppError `FORBIDDEN` without the right
   */
  updateAttendance(
    company: Pick<Company, 'salonId' | 'timeZone'>,
    recordId: number,
    update: AttendanceUpdate,
  ): Promise<'marked' | 'gone'>;
  /** The addresses to which the platform posts the salon's events. @throws AppError */
  webhookUrls(salonId: SalonId): Promise<readonly string[]>;
}
