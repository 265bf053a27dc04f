import type { CompanyId } from '../domain/ids.ts';
import type { OutageCallbacks } from '../lib/async/outage-monitor.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** Events of the process and its dependencies: failures, outages, dead letters, key rotation. */
export function createSystemEvents(logger: Logger, metrics: Metrics) {
  return {
    /** Background work failed: a bug, or a dependency that is down. @param what names the work */
    failed(what: string, error: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
      logger.error(`${what} failed`, { ...fields, error });
    },
    /** Events of an `OutageMonitor`. @param what names the component that loses the database, such as `Job queue` */
    outageCallbacks(what: string): OutageCallbacks {
      return {
        began(error) {
          metrics.outages.set({ name: what }, 1);
          logger.error(`${what}: database unavailable, retrying`, { error });
        },
        ended(durationMs) {
          metrics.outages.set({ name: what }, 0);
          logger.info(`${what}: database recovered`, { lastedMs: Math.round(durationMs) });
        },
      };
    },
    /** @param group of YCLIENTS endpoints that share a circuit breaker */
    breakerChanged(group: string, state: 'open' | 'closed'): void {
      metrics.breakerOpen.set({ name: group }, state === 'open' ? 1 : 0);
      const level = state === 'open' ? 'error' : 'info';
      logger[level]('YCLIENTS circuit breaker state changed', { group, state });
    },
    /** An operator has to inspect the job; its data stays in the dead-letter queue. */
    jobDeadLettered(queue: string, companyId: CompanyId | undefined, jobId: string, error: unknown): void {
      logger.error('Job dead-lettered', { queue, companyId, jobId, error });
    },
    reencryptionStarted(values: number): void {
      logger.info('Re-encrypting values under the primary key', { values });
    },
    /** @param result `unreadable` values are left as they are: their key is missing or they are corrupted */
    reencryptionFinished(
      result: Readonly<{ reencrypted: number; unreadable: number; staleCount: number }>,
    ): void {
      if (result.staleCount === 0)
        return logger.info('Re-encryption completed: all stored values use the primary key', result);
      const level = result.unreadable > 0 ? 'error' : 'warn';
      logger[level]('Re-encryption incomplete: values still use other keys, do not remove a key yet', result);
    },
  };
}
