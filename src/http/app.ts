import express, { type Express } from 'express';
import { type AccessLogDeps, accessLog } from './middleware/access-log.ts';
import { AdminKey } from './middleware/authenticate.ts';
import { corsMiddleware } from './middleware/cors.ts';
import { errorHandler, notFoundHandler } from './middleware/error-handler.ts';
import { requestId } from './middleware/request-id.ts';
import { noStore, securityHeaders } from './middleware/security-headers.ts';
import { type AdminDeps, adminRoutes } from './routes/admin.ts';
import { type BookingEventDeps, bookingEventRoutes } from './routes/booking-events.ts';
import { type CompaniesDeps, companiesRoutes } from './routes/companies.ts';
import { type GenericWebhookDeps, genericWebhookRoutes } from './routes/generic-webhooks.ts';
import { type HealthDeps, healthRoutes } from './routes/health.ts';
import { type LifecycleCallbackDeps, lifecycleCallbackRoutes } from './routes/lifecycle-callback.ts';
import { type MessageDeps, messageRoutes } from './routes/messages.ts';
import { type MetricsDeps, metricsRoutes } from './routes/metrics.ts';
import { type OutgoingWebhookDeps, outgoingWebhookRoutes } from './routes/outgoing-webhook.ts';
import { Pages } from './routes/pages.ts';
import { type PairingDeps, pairingRoutes } from './routes/pairing.ts';
import { type ReceivedMessageDeps, receivedMessageRoutes } from './routes/received-messages.ts';
import { type RegisterDeps, registerRoutes } from './routes/register.ts';
import { type RestrictionDeps, restrictionRoutes } from './routes/restrictions.ts';
import { type SettingsDeps, settingsRoutes } from './routes/settings.ts';
import { type StatusDeps, statusRoutes } from './routes/status.ts';

export type AppOptions = Readonly<{
  /** Without a trailing slash. */
  publicUrl: string;
  /** Exact number of proxies in front. */
  trustProxy: number;
  allowedOrigins: readonly string[];
  /** Hosts that may embed the pages in a frame; none if empty. */
  frameAncestors: readonly string[];
  /** Absolute path of `public/`. */
  publicDirectory: string;
  /** Undefined: the admin API is off. */
  adminApiKey: string | undefined;
  /** Undefined: `/metrics` responds only to this machine and private networks. */
  metricsToken: string | undefined;
}>;

type RouteDeps = HealthDeps &
  MetricsDeps &
  RegisterDeps &
  PairingDeps &
  StatusDeps &
  SettingsDeps &
  MessageDeps &
  BookingEventDeps &
  ReceivedMessageDeps &
  OutgoingWebhookDeps &
  GenericWebhookDeps &
  LifecycleCallbackDeps &
  AdminDeps &
  CompaniesDeps &
  RestrictionDeps;

/** The collaborators of all routes; `createApp` adds the values that it derives from `options`. */
export type AppDeps = Omit<RouteDeps & AccessLogDeps, 'adminKey' | keyof AppOptions> &
  Readonly<{ options: AppOptions }>;

/** Every HTTP route except the entity webhooks, which `createWebhookFastPath` serves first. */
export function createApp({ options, ...collaborators }: AppDeps): Express {
  const pages = new Pages(options.publicDirectory);
  const deps = { ...collaborators, ...options, adminKey: new AdminKey(options.adminApiKey) };

  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', options.trustProxy);
  app.set('query parser', 'simple');

  app.use(requestId);
  app.use(accessLog(deps));
  app.use(securityHeaders(options));
  app.use(noStore);
  app.use(corsMiddleware(options.allowedOrigins));

  app.use(healthRoutes(deps));
  app.use(metricsRoutes(deps));
  app.use(pages.routes());

  // Browsers, with a connect token.
  app.use(registerRoutes(deps));
  app.use(pairingRoutes(deps));
  app.use(statusRoutes(deps));
  app.use(settingsRoutes(deps));

  // Programs, with the API key of a company.
  app.use(messageRoutes(deps));
  app.use(bookingEventRoutes(deps));
  app.use(receivedMessageRoutes(deps));
  app.use(outgoingWebhookRoutes(deps));
  app.use(genericWebhookRoutes(deps));

  // YCLIENTS.
  app.use(lifecycleCallbackRoutes(deps));

  // The operator, with the admin key.
  app.use(adminRoutes(deps));
  app.use(companiesRoutes(deps));
  app.use(restrictionRoutes(deps));

  app.use(notFoundHandler);
  app.use(errorHandler({ logger: deps.logger, pages }));
  return app;
}
