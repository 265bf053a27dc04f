import type { IntegrationStatus } from '../domain/company/company.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { Logger } from './logger.ts';

/** Events of a company: its installation, its settings, its bookings. */
export function createCompanyEvents(logger: Logger) {
  return {
    companyRegistered(companyId: CompanyId, created: boolean): void {
      logger.info(created ? 'Company registered' : 'Company re-registered', { companyId });
    },
    integrationChanged(companyId: CompanyId, status: IntegrationStatus, cause: string): void {
      logger.info('Integration changed', { companyId, status, cause });
    },
    activationFailed(companyId: CompanyId, error: unknown): void {
      logger.warn('Activation failed, retry scheduled', { companyId, error });
    },
    activationRefused(companyId: CompanyId): void {
      logger.error('Activation refused by YCLIENTS until the owner reconnects', { companyId });
    },
    settingsChanged(companyId: CompanyId): void {
      logger.info('Settings changed', { companyId });
    },
    /** @param readCount records read. @param messageCount messages queued for them */
    reconciled(companyId: CompanyId, readCount: number, messageCount: number): void {
      logger.info('Bookings reconciled', { companyId, read: readCount, news: messageCount });
    },
  };
}
