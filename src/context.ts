import { EventEmitter } from 'node:events';
import { join, resolve } from 'node:path';
import type { Config } from './config/config.ts';
import type { Secrets } from './config/secrets.ts';
import { openCredentials } from './whatsapp/credentials/open-credentials.ts';
import type { CompanyId } from './domain/ids.ts';
import { type Inbox, openInbox } from './inbox/open-inbox.ts';
import { catchAsync } from './lib/async/catch-async.ts';
import { OutageMonitor } from './lib/async/outage-monitor.ts';
import { RetryingQueue } from './lib/async/retrying-queue.ts';
import { Keyring } from './crypto/keyring.ts';
import { ConnectTokenSigner } from './marketplace/installation/connect-token.ts';
import { MarketplaceService } from './marketplace/marketplace-service.ts';
import { Registration } from './marketplace/installation/registration.ts';
import { KeyRotation } from './jobs/key-rotation.ts';
import { SessionRecorder } from './marketplace/installation/session-recorder.ts';
import { withScrapeTimeout, outboxGauges } from './messaging/outbox-gauges.ts';
import { DirectMessages } from './messaging/direct-messages.ts';
import { Outbox } from './messaging/outbox.ts';
import { RestrictionMonitor } from './messaging/restriction-monitor.ts';
import { createBusinessEvents } from './observability/events.ts';
import { Health } from './observability/health.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics } from './observability/metrics.ts';
import { createUseCases } from './marketplace/create-use-cases.ts';
import { startBackground } from './background.ts';
import { HttpWebhookSender } from './webhook-delivery/webhook-sender.ts';
import { isOutage } from './storage/database/errors.ts';
import { openStorage } from './storage/open-storage.ts';
import { BaileysManager } from './whatsapp/baileys-manager.ts';
import { ReceiveWatchdog } from './whatsapp/watchdog/receive-watchdog.ts';
import { WorkerQrRenderer } from './workers/qr-renderer.ts';
import { paymentSignature, verifyUserData } from './yclients/signature.ts';
import { YclientsClient } from './yclients/yclients-client.ts';
import { fetchLatestClientVersion } from './whatsapp/connection/client-version.ts';

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
  const keyring = new Keyring(secrets.encryptionKeys);

  const metrics = createMetrics({
    sessions: () => whatsapp.countByState(),
    deafSessions: () => receiveWatchdog.alertedSessionCount,
    spoolBytes: () => inboxParts.spool.bytes,
    missingWebhookUrls: () => webhookSubscriptionCheck.missing.size,
    staleValues: () => keyRotation.staleCount,
    inbox: () => withScrapeTimeout(queue.backlog('webhooks')),
    restrictedSessions: () => withScrapeTimeout(restrictions.count()),
    outbox: () => outboxGauges(storage.messages, now),
  });
  const report = createBusinessEvents(logger, metrics);

  const storage = scope.use(
    await openStorage({
      database: secrets.database,
      migrationsDirectory: resolve(import.meta.dirname, '../supabase/migrations'),
      keyring,
      now,
      monotonicMs,
      webhookConcurrency: config.webhooks.workerBatch,
      shouldYieldToInbox: () => inboxParts.inbox.hasBurst,
      random,
      onError: (error) => report.failed('Storage', error),
      outages: {
        began: (what, error) => report.outageBegan(what, error),
        ended: (what, lastedMs) => report.outageEnded(what, lastedMs),
      },
    }),
  );
  const { companies, events, messages, queue, restrictions, settings } = storage;
  const yclients = new YclientsClient({
    apiUrl: config.yclients.apiUrl,
    applicationId: config.yclients.applicationId,
    partnerToken: secrets.yclientsPartnerToken,
    userToken: secrets.yclientsUserToken,
    random,
    resilience: {
      onBreakerChange: (group, state) => {
        report.breakerChanged(group, state);
        if (state === 'closed') requestReconciliation('breaker_closed');
      },
    },
  });

  const createRetryingQueue = (what: string): RetryingQueue => {
    const began = (error: unknown): void => report.outageBegan(what, error);
    const outage = new OutageMonitor(
      { began, ended: (lastedMs) => report.outageEnded(what, lastedMs) },
      monotonicMs,
    );
    const failed = (error: unknown): void => report.failed(what, error);
    return scope.use(new RetryingQueue({ isOutage, outage, onTaskFailed: failed }));
  };
  // Below the sessions, so that their last words are still written when they close.
  const statusQueue = createRetryingQueue('Message status writer');
  const inboundMessageQueue = createRetryingQueue('Inbound message writer');
  const sessionRecorder = new SessionRecorder(companies, createRetryingQueue('Session state writer'), report);
  const credentials = scope.use(
    openCredentials({
      sessionStore: config.sessionStore,
      sessionsDirectory: config.directories.sessions,
      databaseCredentials: storage.credentials,
      report,
      monotonicMs,
    }),
  );
  const keyRotation = scope.use(
    new KeyRotation({
      stores: [storage.encryptedValues, credentials.localEncryptedValues].filter(
        (store) => store !== undefined,
      ),
      keyring,
      report,
    }),
  );
  const whatsapp = scope.use(
    new BaileysManager({
      credentialRepository: credentials.repository,
      keyring,
      leases: storage.leases,
      // The embedded store admits one process: after a crash its sessions are ours again at once.
      owner: config.database.kind === 'embedded' ? 'embedded' : config.instanceId,
      logger: logger.child({ part: 'whatsapp' }),
      report,
      getMessage: (companyId, whatsappMessageId) =>
        messages.textByWhatsappMessageId(companyId, whatsappMessageId),
      now,
      monotonicMs,
      random,
      versionStore: storage.clientVersion,
      // A simulated WhatsApp has no other version.
      ...(config.whatsapp.webSocketUrl === undefined
        ? { fetchLatestVersion: fetchLatestClientVersion }
        : { webSocketUrl: config.whatsapp.webSocketUrl }),
      ...(config.whatsapp.version !== undefined && { version: config.whatsapp.version }),
    }),
  );
  const receiveWatchdog = new ReceiveWatchdog({
    whatsapp,
    companies,
    events,
    report,
    now,
    monotonicMs,
    random,
  });
  const qrRenderer = scope.use(new WorkerQrRenderer());
  const outbox = scope.use(
    new Outbox({
      messages,
      companies,
      settings,
      whatsapp,
      statusQueue,
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
  const restrictionMonitorDeps = { restrictions, whatsapp, statusQueue, report, wakeOutbox };
  const restrictionMonitor = scope.use(new RestrictionMonitor(restrictionMonitorDeps));
  const webhookUrl = (companyId: CompanyId, secret: string): string =>
    `${publicUrl}/marketplace/webhook/${companyId}/${secret}`;
  const allowLoopback = !config.production;
  const revocations = new EventEmitter<{ revoked: [companyId: CompanyId] }>();
  const useCases = createUseCases({
    ...storage,
    revocations,
    whatsapp,
    yclients,
    webhookSender: new HttpWebhookSender({ allowLoopback, now }),
    wakeOutbox,
    webhookUrl,
    report,
    now,
    partnerToken: secrets.yclientsPartnerToken,
    applicationId: config.yclients.applicationId,
    signPayment: (salonId, { amount, discount = null }) =>
      paymentSignature({ salonId, amount, discount, partnerToken: secrets.yclientsPartnerToken }),
    allowLoopback,
    debounceMs: config.notifyDebounceMs,
  });
  const { activation, reconciliation, webhookProcessor, webhookSubscriptionCheck } = useCases;
  const service = new MarketplaceService({
    companies,
    messages,
    directMessages: new DirectMessages({ messages, wakeOutbox, report, now }),
    tokens: storage.tokens,
    signer,
    yclients,
    whatsapp,
    qrRenderer,
    activation,
    sessionRecorder,
    webhookProcessor,
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
  const requestReconciliation = (cause: string): void =>
    catchAsync(
      (error) => report.failed('Reconciliation request', error),
      () => reconciliation.requestAll(cause),
    )();
  const inboxParts: Inbox = scope.use(
    await openInbox({
      spoolDirectory: join(config.directories.data, 'spool'),
      batch: { maxBatchSize: config.webhooks.batchSize, waitMs: config.webhooks.batchWaitMs },
      keyring,
      companies,
      queue,
      shardCount: storage.concurrentInserts,
      report,
      onDrained: () => requestReconciliation('spool_drained'),
      now,
      monotonicMs,
    }),
  );
  const health = new Health({ database: () => storage.ping(), spool: () => inboxParts.spool.check() });

  const resources = scope.move();
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
    lifecycle: useCases.lifecycle,
    revocations,
    inbox: inboxParts.inbox,
    reconciliation,
    queue,
    notificationSettings: useCases.notificationSettings,
    events,
    receivedMessages: storage.received,
    outgoingWebhooks: useCases.outgoingWebhooks,
    restrictions,
    whatsapp,
    lastInboundAt: receiveWatchdog.lastInboundAt,
    now,
    monotonicMs,
    /** Begins the work that nobody asks for: follows the sessions, restores them, runs the jobs. */
    async start(): Promise<void> {
      resources.use(
        await startBackground({
          webhookAuthenticator: inboxParts.authenticator,
          ...useCases,
          receiveWatchdog,
          events,
          keyRotation,
          outbox,
          restrictionMonitor,
          queue,
          inboundMessageQueue,
          report,
          service,
          sessionRecorder,
          webhookWriter: inboxParts.writer,
          whatsapp,
          now,
        }),
      );
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
