import { isWebhookResource } from '../domain/booking/yclients-record.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** `redact` cuts longer arrays. */
const maxIdsPerLine = 50;

/** Events of the webhook inbox and of the jobs that process webhooks. */
export function createWebhookEvents(logger: Logger, metrics: Metrics) {
  return {
    /** One line for a burst of one company and one resource: a line for each webhook would cost more than storing it. */
    webhooksAccepted(
      companyId: CompanyId,
      resource: string,
      jobIds: readonly string[],
      outcome: 'stored' | 'spooled',
    ): void {
      metrics.webhooksReceived.inc({ resource: resourceLabel(resource), outcome }, jobIds.length);
      for (let start = 0; start < jobIds.length; start += maxIdsPerLine) {
        const batch = jobIds.slice(start, start + maxIdsPerLine);
        logger.info('Webhooks accepted', {
          companyId,
          resource: resourceLabel(resource),
          outcome,
          jobIds: batch,
        });
      }
    },
    /** Neither the database nor the spool accepted them; the sender got a 503. */
    webhooksRefused(count: number, error: unknown): void {
      metrics.webhooksReceived.inc({ resource: 'other', outcome: 'refused' }, count);
      logger.error('Webhooks refused: database and spool unavailable', { count, error });
    },
    webhookProcessed(companyId: CompanyId, jobId: string, outcome: string, recordId?: number): void {
      logger.info('Webhook processed', { companyId, jobId, outcome, recordId });
    },
    /** Acknowledged and stored, but the payload matches no known YCLIENTS shape. */
    webhookQuarantined(companyId: CompanyId | undefined, jobId: string, reason: string): void {
      logger.warn('Webhook quarantined', { companyId, jobId, reason });
    },
    /** Without our URL in its settings, YCLIENTS sends no webhooks of the salon: somebody has edited the list. */
    webhookUrlChecked(companyId: CompanyId, isRegistered: boolean): void {
      if (isRegistered) logger.info('Webhook URL restored in the salon', { companyId });
      else logger.error('Webhook URL missing in the salon', { companyId });
    },
    spoolDamaged(segment: string, lines: number): void {
      logger.error('Spool segment corrupted, file quarantined', { segment, lines });
    },
  };
}

/** Senders choose the resource: only known ones may become a label or reach the log. */
function resourceLabel(resource: string): string {
  return isWebhookResource(resource) ? resource : 'other';
}
