import { EventEmitter } from 'node:events';
import { join, resolve } from 'node:path';
import type { Config } from './config/config.ts';
import type { Secrets } from './config/secrets.ts';
import { openCredentials } from './whatsapp/credentials/open-credentials.ts';
import type { CompanyId } from './domain/ids.ts';
import { type Intake, openIntake } from './inbox/open-inbox.ts';
import { guarded } from './lib/async/catch-async.ts';
import { Outage } from './lib/async/outage-monitor.ts';
import { PatientTasks } from './lib/async/retrying-queue.ts';
import { SecretBox } from './crypto/keyring.ts';
import { Activation } from './marketplace/installation/activation.ts';
import { ConnectTokenSigner } from './marketplace/installation/connect-token.ts';
import { Lifecycle } from './marketplace/installation/lifecycle.ts';
import { MarketplaceService } from './marketplace/marketplace-service.ts';
import { PlatformWatch } from './marketplace/installation/status-poller.ts';
import { Registration } from './marketplace/installation/registration.ts';
import { WebhookJobs } from './marketplace/bookings/webhook-processor.ts';
import { SessionRecorder } from './marketplace/installation/session-recorder.ts';
import { inTime, outboxFigures } from './messaging/outbox-gauges.ts';
import { NotificationRules } from './messaging/notification-settings.ts';
import { Outbox } from './messaging/outbox.ts';
import { RestrictionWatch } from './messaging/restriction-monitor.ts';
import { createBusinessEvents } from './observability/events.ts';
import { Health } from './observability/health.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics } from './observability/metrics.ts';
import { createNotifications } from './marketplace/create-use-cases.ts';
import { startWork } from './background.ts';
import { Receivers } from './webhook-delivery/webhook-sender.ts';
import { isOutage } from './storage/database/errors.ts';
import { openStorage } from './storage/open-storage.ts';
import { BaileysManager } from './whatsapp/baileys-manager.ts';
import { DeafnessWatch } from './whatsapp/watchdog/receive-watchdog.ts';
import { latestClientVersion } from './whatsapp/connection/latest-client-version.ts';
import { WorkerQrRenderer } from './workers/qr-renderer.ts';
import { paymentSignature, verifyUserData } from './yclients/signature.ts';
import { YclientsClient } from './yclients/yclients-client.ts';

export type ContextOptions = Readonly<{
  config: Config;
  secrets: Secrets;
  /** What YCLIENTS and browsers reach us by, without a slash at the end. */
  publicUrl: string;
  logger: Logger;
}>;

export type Context = Awaited<ReturnType<typeof createContext>>;

/** Builds every part of the service from the bottom up; disposal takes them down again from the top. */
export async function createContext({ config, secrets, publicUrl, logger }: ContextOptions) {
  await using scope = new AsyncDisposableStack();
  const now = (): Date => new Date();
  const monotonicMs = (): number => performance.now();
  const random = Math.random;
  const box = new SecretBox(secrets.encryptionKeys);

  const metrics = createMetrics({
    sessions: () => whatsapp.countByState(),
    deafSessions: () => deafness.deafSessions,
    spoolBytes: () => intake.spool.bytes,
    missingWebhookUrls: () => webhookUrls.missing.size,
    underOtherKeys: () => keyRotation.left,
    inbox: () => inTime(queue.waiting('webhooks')),
    restricted: () => inTime(restrictions.count()),
    outbox: () => outboxFigures(storage.messages, now),
  });
  const report = createBusinessEvents(logger, metrics);

  const storage = scope.use(
    await openStorage({
      database: secrets.database,
      migrationsDirectory: resolve(import.meta.dirname, '../supabase/migrations'),
      box,
      now,
      monotonicMs,
      webhookConcurrency: config.webhooks.workerBatch,
      yieldsToInbox: () => intake.inbox.hasBurst,
      random,
      onError: (error) => report.failed('Storage', error),
      outages: {
        began: (what, error) => report.outageBegan(what, error),
        ended: (what, lastedMs) => report.outageEnded(what, lastedMs),
      },
    }),
  );
  const { companies, contacts, events, messages, queue, restrictions, settings } = storage;
  const yclients = new YclientsClient({
    apiUrl: config.yclients.apiUrl,
    applicationId: config.yclients.applicationId,
    partnerToken: secrets.yclientsPartnerToken,
    userToken: secrets.yclientsUserToken,
    random,
    resilience: {
      breakerChanged: (group, state) => {
        report.breakerChanged(group, state);
        if (state === 'closed') requestReconciliation('breaker_closed');
      },
    },
  });

  const patiently = (what: string): PatientTasks => {
    const began = (error: unknown): void => report.outageBegan(what, error);
    const outage = new Outage(
      { began, ended: (lastedMs) => report.outageEnded(what, lastedMs) },
      monotonicMs,
    );
    const failed = (error: unknown): void => report.failed(what, error);
    return scope.use(new PatientTasks({ isOutage, outage, failed }));
  };
  // Below the sessions, so that their last words are still written when they close.
  const statuses = patiently('Writing what WhatsApp says of messages');
  const receivedTexts = patiently('Taking what clients write');
  const sessionRecorder = new SessionRecorder(companies, patiently('Writing the states of sessions'), report);
  const { rows, keyRotation } = scope.use(openCredentials({ config, storage, box, report, monotonicMs }));
  const whatsapp = scope.use(
    new BaileysManager({
      rows,
      box,
      leases: storage.leases,
      // The embedded store admits one process: after a crash its sessions are ours again at once.
      owner: config.database.kind === 'embedded' ? 'embedded' : config.instanceId,
      logger: logger.child({ part: 'whatsapp' }),
      report,
      getMessage: (companyId, whatsappMessageId) => messages.textOf(companyId, whatsappMessageId),
      now,
      monotonicNow: monotonicMs,
      random,
      versionMemory: storage.clientVersion,
      // A simulated WhatsApp has no other version.
      ...(config.whatsapp.webSocketUrl === undefined
        ? { latestVersion: latestClientVersion }
        : { webSocketUrl: config.whatsapp.webSocketUrl }),
      ...(config.whatsapp.version !== undefined && { version: config.whatsapp.version }),
    }),
  );
  const deafness = new DeafnessWatch({ whatsapp, companies, events, report, now, monotonicMs, random });
  const qrRenderer = scope.use(new WorkerQrRenderer());
  const outbox = scope.use(
    new Outbox({
      messages,
      companies,
      settings,
      whatsapp,
      statuses,
      report,
      pacing: config.pacing,
      random,
      now,
    }),
  );

  const signer = new ConnectTokenSigner(secrets.jwtSecret, now);
  const connectUrl = (tokens: readonly string[]): string =>
    `${publicUrl}/marketplace/connect#${tokens.length === 1 ? 'token' : 'tokens'}=${tokens.join(',')}`;
  const wakeOutbox = (companyId: CompanyId): void => outbox.wake(companyId);
  const watched = { restrictions, whatsapp, statuses, report, wakeOutbox };
  const restrictionWatch = scope.use(new RestrictionWatch(watched));
  const webhookUrl = (companyId: CompanyId, secret: string): string =>
    `${publicUrl}/marketplace/webhook/${companyId}/${secret}`;
  const allowLoopback = !config.production;
  const notifications = createNotifications({
    ...storage,
    yclients,
    receiver: new Receivers({ allowLoopback, now }),
    allowLoopback,
    report,
    webhookUrl,
    wakeOutbox,
    debounceMs: config.notifyDebounceMs,
    now,
  });
  const { records, replanning, webhookUrls, reconciliation } = notifications;
  const activation = new Activation({
    companies,
    yclients,
    queue,
    report,
    webhookUrl,
    events,
    activated: (companyId) => reconciliation.request(companyId, 'activation'),
    now,
  });
  const service = new MarketplaceService({
    companies,
    messages,
    tokens: storage.tokens,
    signer,
    yclients,
    whatsapp,
    qrRenderer,
    activation,
    sessionRecorder,
    webhookJobs: new WebhookJobs({ records, events, wakeOutbox, report }),
    wakeOutbox,
    report,
    now,
  });
  const registration = new Registration({
    service,
    activation,
    signer,
    yclients,
    verifyUser: (userData, userDataSign) =>
      verifyUserData({ userData, userDataSign, partnerToken: secrets.yclientsPartnerToken }),
    connectUrl,
  });
  const revocations = new EventEmitter<{ revoked: [companyId: CompanyId] }>();
  const lifecycle = new Lifecycle({
    companies,
    tokens: storage.tokens,
    revocations,
    queue,
    whatsapp,
    yclients,
    report,
    partnerToken: secrets.yclientsPartnerToken,
    applicationId: config.yclients.applicationId,
    paymentSign: (salonId, { amount, discount = null }) =>
      paymentSignature({ salonId, amount, discount, partnerToken: secrets.yclientsPartnerToken }),
    resumed: async (companyId) => {
      await reconciliation.request(companyId, 'resumed');
      await replanning.request(companyId);
    },
  });
  const platformWatch = new PlatformWatch({ companies, yclients, lifecycle, report });
  const requestReconciliation = (cause: string): void =>
    guarded(
      (error) => report.failed('Asking for a reconciliation', error),
      () => reconciliation.requestAll(cause),
    )();
  const intake: Intake = scope.use(
    await openIntake({
      spoolDirectory: join(config.directories.data, 'spool'),
      batch: { size: config.webhooks.batchSize, waitMs: config.webhooks.batchWaitMs },
      box,
      companies,
      queue,
      lanes: storage.concurrentInserts,
      report,
      drained: () => requestReconciliation('spool_drained'),
      now,
      monotonicMs,
    }),
  );
  const health = new Health({ database: () => storage.ping(), spool: () => intake.spool.check() });

  const graph = scope.move();
  return {
    config,
    secrets,
    publicUrl,
    connectUrl,
    logger,
    metrics,
    health,
    service,
    registration,
    lifecycle,
    revocations,
    inbox: intake.inbox,
    reconciliation,
    queue,
    rules: new NotificationRules({ settings, contacts, replanning, report }),
    events,
    received: storage.received,
    outgoingWebhooks: notifications.outgoingWebhooks,
    restrictions,
    whatsapp,
    lastInboundAt: deafness.lastInboundAt,
    now,
    monotonicMs,
    /** Begins the work that nobody asks for: follows the sessions, restores them, runs the jobs. */
    async start(): Promise<void> {
      graph.use(
        await startWork({
          addresses: intake.addresses,
          ...notifications,
          activation,
          deafness,
          events,
          keyRotation,
          lifecycle,
          outbox,
          platformWatch,
          restrictionWatch,
          queue,
          receivedTexts,
          report,
          service,
          sessionRecorder,
          webhookStore: intake.store,
          whatsapp,
          now,
        }),
      );
    },
    [Symbol.asyncDispose]: () => graph.disposeAsync(),
  };
}
