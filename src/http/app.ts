import express, { type Express } from 'express';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { AdminKey } from './middleware/authenticate.ts';
import { type CallbackDeps, callbackRoutes } from './routes/lifecycle-callback.ts';
import { type CompaniesDeps, companiesRoutes } from './routes/companies.ts';
import { crossOrigin } from './middleware/cors.ts';
import { errorHandler, unknownRoute } from './middleware/error-handler.ts';
import { type BookingEventDeps, bookingEventRoutes } from './routes/booking-events.ts';
import { type MaintenanceDeps, maintenanceRoutes } from './routes/admin.ts';
import { type SettingsDeps, settingsRoutes } from './routes/settings.ts';
import { type HealthDeps, healthRoutes } from './routes/health.ts';
import { type MessageDeps, messageRoutes } from './routes/messages.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { observeRequests } from './middleware/access-log.ts';
import { Pages } from './routes/pages.ts';
import { type QrDeps, qrRoutes } from './routes/pairing.ts';
import type { HttpLimiters } from './middleware/rate-limit.ts';
import { type ReceivingDeps, receivingRoutes } from './routes/receiving.ts';
import { type RegisterDeps, registerRoutes } from './routes/register.ts';
import { requestId } from './middleware/request-id.ts';
import { noStore, securityHeaders } from './middleware/security-headers.ts';
import { type RestrictionDeps, restrictionRoutes } from './routes/restrictions.ts';
import { type StatusDeps, statusRoutes } from './routes/status.ts';
import { type WebhookDeps, webhookRoutes } from './routes/generic-webhooks.ts';

export type AppDeps = Readonly<{
  service: QrDeps['service'] & StatusDeps['service'] & MessageDeps['service'] & CompaniesDeps['service'];
  lastInboundAt: StatusDeps['lastInboundAt'];
  inbox: WebhookDeps['inbox'];
  registration: RegisterDeps['registration'];
  lifecycle: CallbackDeps['lifecycle'];
  rules: SettingsDeps['rules'];
  events: BookingEventDeps['events'];
  received: ReceivingDeps['received'];
  outgoingWebhooks: ReceivingDeps['outgoingWebhooks'] & SettingsDeps['outgoingWebhooks'];
  restrictions: StatusDeps['restrictions'] & RestrictionDeps['restrictions'];
  queue: MaintenanceDeps['queue'];
  reconciliation: MaintenanceDeps['reconciliation'];
  health: HealthDeps['health'];
  connectUrl: RegisterDeps['connectUrl'];
  limiters: HttpLimiters;
  now: () => Date;
  logger: Logger;
  metrics: Pick<Metrics, 'registry' | 'httpRequestDuration'>;
  options: Readonly<{
    /** Without a slash at the end. */
    publicUrl: string;
    /** Exact number of proxies in front. */
    trustProxy: number;
    allowedOrigins: readonly string[];
    frameAncestors: readonly string[];
    /** Absolute path of `public/`. */
    publicDirectory: string;
    adminApiKey: string | undefined;
    metricsToken: string | undefined;
  }>;
}>;

/** Everything HTTP but the entity webhooks, which `createWebhookListener` answers first. */
export function createApp(deps: AppDeps): Express {
  const { options } = deps;
  const pages = new Pages(options.publicDirectory);
  const adminKey = new AdminKey(options.adminApiKey);
  const shared = { ...deps, ...options, adminKey };

  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', options.trustProxy);
  app.set('query parser', 'simple');

  app.use(requestId);
  app.use(observeRequests(shared));
  app.use(securityHeaders(options));
  app.use(noStore);
  app.use(crossOrigin(options.allowedOrigins));

  app.use(healthRoutes(deps));
  app.use(metricsRoutes(shared));
  app.use(pages.routes());
  app.use(registerRoutes(shared));
  app.use(qrRoutes(shared));
  app.use(statusRoutes(shared));
  app.use(settingsRoutes(shared));
  app.use(messageRoutes(shared));
  app.use(bookingEventRoutes(shared));
  app.use(receivingRoutes(shared));
  app.use(maintenanceRoutes(shared));
  app.use(companiesRoutes(shared));
  app.use(restrictionRoutes(shared));
  app.use(webhookRoutes(shared));
  app.use(callbackRoutes(shared));

  app.use(unknownRoute);
  app.use(errorHandler({ logger: deps.logger, pages }));
  return app;
}
