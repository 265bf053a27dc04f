import express, { type Express } from 'express';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { AdminKey } from './middleware/authenticate.ts';
import { type LifecycleCallbackDeps, lifecycleCallbackRoutes } from './routes/lifecycle-callback.ts';
import { type CompaniesDeps, companiesRoutes } from './routes/companies.ts';
import { corsMiddleware } from './middleware/cors.ts';
import { errorHandler, notFoundHandler } from './middleware/error-handler.ts';
import { type BookingEventDeps, bookingEventRoutes } from './routes/booking-events.ts';
import { type AdminDeps, adminRoutes } from './routes/admin.ts';
import { type SettingsDeps, settingsRoutes } from './routes/settings.ts';
import { type HealthDeps, healthRoutes } from './routes/health.ts';
import { type MessageDeps, messageRoutes } from './routes/messages.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { accessLog } from './middleware/access-log.ts';
import { Pages } from './routes/pages.ts';
import { type PairingDeps, pairingRoutes } from './routes/pairing.ts';
import type { HttpLimiters } from './middleware/rate-limit.ts';
import { type ReceivedMessageDeps, receivedMessageRoutes } from './routes/receiving.ts';
import { type RegisterDeps, registerRoutes } from './routes/register.ts';
import { requestId } from './middleware/request-id.ts';
import { noStore, securityHeaders } from './middleware/security-headers.ts';
import { type RestrictionDeps, restrictionRoutes } from './routes/restrictions.ts';
import { type StatusDeps, statusRoutes } from './routes/status.ts';
import { type GenericWebhookDeps, genericWebhookRoutes } from './routes/generic-webhooks.ts';

export type AppDeps = Readonly<{
  service: PairingDeps['service'] & StatusDeps['service'] & MessageDeps['service'] & CompaniesDeps['service'];
  lastInboundAt: StatusDeps['lastInboundAt'];
  inbox: GenericWebhookDeps['inbox'];
  registration: RegisterDeps['registration'];
  lifecycle: LifecycleCallbackDeps['lifecycle'];
  notificationSettings: SettingsDeps['notificationSettings'];
  events: BookingEventDeps['events'];
  receivedMessages: ReceivedMessageDeps['receivedMessages'];
  outgoingWebhooks: ReceivedMessageDeps['outgoingWebhooks'] & SettingsDeps['outgoingWebhooks'];
  restrictions: StatusDeps['restrictions'] & RestrictionDeps['restrictions'];
  queue: AdminDeps['queue'];
  reconciliation: AdminDeps['reconciliation'];
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
  app.use(accessLog(shared));
  app.use(securityHeaders(options));
  app.use(noStore);
  app.use(corsMiddleware(options.allowedOrigins));

  app.use(healthRoutes(deps));
  app.use(metricsRoutes(shared));
  app.use(pages.routes());
  app.use(registerRoutes(shared));
  app.use(pairingRoutes(shared));
  app.use(statusRoutes(shared));
  app.use(settingsRoutes(shared));
  app.use(messageRoutes(shared));
  app.use(bookingEventRoutes(shared));
  app.use(receivedMessageRoutes(shared));
  app.use(adminRoutes(shared));
  app.use(companiesRoutes(shared));
  app.use(restrictionRoutes(shared));
  app.use(genericWebhookRoutes(shared));
  app.use(lifecycleCallbackRoutes(shared));

  app.use(notFoundHandler);
  app.use(errorHandler({ logger: deps.logger, pages }));
  return app;
}
