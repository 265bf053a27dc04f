import { createCompanyEvents } from './company-events.ts';
import type { Logger } from './logger.ts';
import { createMessageEvents } from './message-events.ts';
import type { Metrics } from './metrics.ts';
import { createSessionEvents } from './session-events.ts';
import { createSystemEvents } from './system-events.ts';
import { createWebhookEvents } from './webhook-events.ts';

/** One function for each business event: it writes one log line and counts. It gets no phone, no text and no secret. */
export type BusinessEvents = ReturnType<typeof createBusinessEvents>;

export function createBusinessEvents(logger: Logger, metrics: Metrics) {
  return {
    ...createWebhookEvents(logger, metrics),
    ...createSessionEvents(logger, metrics),
    ...createMessageEvents(logger, metrics),
    ...createCompanyEvents(logger),
    ...createSystemEvents(logger, metrics),
  };
}
