import { EventEmitter } from 'node:events';
import { join, resolve } from 'node:path';
import { startBackground } from './background.ts';
import type { Config } from './config/config.ts';
import type { Secrets } from './config/secrets.ts';
import { Keyring } from './crypto/keyring.ts';
import type { CompanyId } from './domain/ids.ts';
import { BurstDetector } from './inbox/burst-detector.ts';
import { openInbox } from './inbox/open-inbox.ts';
import { KeyRotation } from './jobs/key-rotation.ts';
import { catchAsync } from './lib/async/catch-async.ts';
import { OutageMonitor } from './lib/async/outage-monitor.ts';
import { RetryingQueue } from './lib/async/retrying-queue.ts';
import { createUseCases } from './marketplace/create-use-cases.ts';
import { ConnectTokenSigner } from './marketplace/installation/connect-token.ts';
import { Outbox } from './messaging/outbox.ts';
import { RestrictionMonitor } from './messaging/restriction-monitor.ts';
import { createBusinessEvents } from './observability/events.ts';
import { Health } from './observability/health.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics } from './observability/metrics.ts';
import { isOutage } from './storage/database/errors.ts';
import { openStorage } from './storage/open-storage.ts';
import { HttpWebhookSender } from './webhook-delivery/webhook-sender.ts';
import { BaileysManager } from './whatsapp/baileys-manager.ts';
import { fetchLatestClientVersion } from './whatsapp/connection/client-version.ts';
import { openCredentials } from './whatsapp/credentials/open-credentials.ts';
import { ReceiveWatchdog } from './whatsapp/watchdog/receive-watchdog.ts';
import { WorkerQrRenderer } from './workers/qr-renderer.ts';
import { paymentSignature, verifyUserData } from './yclients/signature.ts';
import { YclientsClient } from './yclients/yclients-client.ts';

export type ContextOptions = Readonly<{
  config: Config;
  secrets: Secrets;
  /** Base URL for YCLIENTS and browsers, without a trailing slash. */
  publicUrl: string;
  logger: Logger;
}>;

export type Context = Awaited<ReturnType<typeof createContext>>;

/** Builds the service from the bottom up: each part depends on parts above it only. Disposal runs in the reverse order. */
export async function createContext({ config, secrets, publicUrl, logger }: ContextOptions) {
  await using scope = new AsyncDisposableStack();
  const now = (): Date => new Date();
  const monotonicMs = (): number => performance.now();
  const metrics = createMetrics();
  const report = createBusinessEvents(logger, metrics);
  const shared = { report, now, monotonicMs, random: Math.random };
  const keyring = new Keyring(secrets.encryptionKeys);

  const burstDetector = new BurstDetector(monotonicMs);
  const storage = scope.use(
    await openStorage(
      {
        keyring,
        shouldYieldToInbox: () => burstDetector.hasBurst,
        onError: (error) => report.failed('Storage', error),
        outageCallbacks: (what) => report.outageCallbacks(what),
        ...shared,
      },
      {
        database: secrets.database,
        migrationsDirectory: resolve(import.meta.dirname, '../supabase/migrations'),
        webhookConcurrency: config.webhooks.concurrency,
      },
    ),
  );
  const { companies, events, messages, queue, receivedMessages, restrictions, settings } = storage;
  metrics.inbox.readFrom(() => queue.backlog('webhooks'));
  metrics.restrictedSessions.readFrom(() => restrictions.count());

  const yclients = new YclientsClient(shared, {
    apiUrl: config.yclients.apiUrl,
    applicationId: config.yclients.applicationId,
    partnerToken: secrets.yclientsPartnerToken,
    userToken: secrets.yclientsUserToken,
  });
  yclients.on('breaker-state', (group, state) => report.breakerChanged(group, state));

  const createRetryingQueue = (what: string): RetryingQueue => {
    const outage = new OutageMonitor(report.outageCallbacks(what), monotonicMs);
    const onTaskFailed = (error: unknown): void => report.failed(what, error);
    return scope.use(new RetryingQueue({ isOutage, outage, onTaskFailed }));
  };
  // Created before the sessions, so that what they report while closing is still written.
  const statusQueue = createRetryingQueue('Message status writer');
  const inboundMessageQueue = createRetryingQueue('Inbound message writer');
  const sessionStateQueue = createRetryingQueue('Session state writer');
  const credentials = scope.use(
    openCredentials(
      { databaseCredentials: storage.credentials, ...shared },
      { sessionStore: config.sessionStore, sessionsDirectory: config.directories.sessions },
    ),
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
  metrics.staleValues.readFrom(() => keyRotation.staleCount);

  const whatsapp = scope.use(
    new BaileysManager(
      {
        credentialRepository: credentials.repository,
        keyring,
        leases: storage.leases,
        logger: logger.child({ part: 'whatsapp' }),
        getSentText: (companyId, whatsappMessageId) =>
          messages.textByWhatsappMessageId(companyId, whatsappMessageId),
        versionStore: storage.clientVersion,
        // The simulated WhatsApp supports only the configured version.
        ...(config.whatsapp.webSocketUrl === undefined && { fetchLatestVersion: fetchLatestClientVersion }),
        ...shared,
      },
      {
        // The embedded store admits one process, which reclaims its own leases at once after a crash.
        owner: config.database.kind === 'embedded' ? 'embedded' : config.instanceId,
        ...(config.whatsapp.webSocketUrl !== undefined && { webSocketUrl: config.whatsapp.webSocketUrl }),
        ...(config.whatsapp.version !== undefined && { version: config.whatsapp.version }),
      },
    ),
  );
  metrics.sessions.readFrom(() => whatsapp.countByState());
  const receiveWatchdog = new ReceiveWatchdog({ whatsapp, companies, events, ...shared });
  metrics.deafSessions.readFrom(() => receiveWatchdog.alertedSessionCount);

  const outbox = scope.use(
    new Outbox({ messages, companies, settings, whatsapp, statusQueue, pacing: config.pacing, ...shared }),
  );
  metrics.outbox.readFrom(() => outbox.backlog());
  const restrictionMonitor = scope.use(
    new RestrictionMonitor({ restrictions, whatsapp, statusQueue, report, outbox }),
  );

  const revocations = new EventEmitter<{ revoked: [companyId: CompanyId] }>();
  const connectUrl = (tokens: readonly string[]): string =>
    `${publicUrl}/marketplace/connect#${tokens.length === 1 ? 'token' : 'tokens'}=${tokens.join(',')}`;
  const allowLoopback = !config.production;
  const useCases = createUseCases({
    ...storage,
    ...shared,
    yclients,
    whatsapp,
    qrRenderer: scope.use(new WorkerQrRenderer()),
    sessionStateQueue,
    outbox,
    webhookSender: new HttpWebhookSender(shared, { allowLoopback }),
    allowLoopback,
    signer: new ConnectTokenSigner(secrets.jwtSecret, now),
    revocations,
    connectUrl,
    webhookUrl: (companyId, secret) => `${publicUrl}/marketplace/webhook/${companyId}/${secret}`,
    partnerToken: secrets.yclientsPartnerToken,
    applicationId: config.yclients.applicationId,
    verifyUserData: (userData, userDataSign) =>
      verifyUserData({ userData, userDataSign, partnerToken: secrets.yclientsPartnerToken }),
    paymentSignature: (salonId, { amount, discount = null }) =>
      paymentSignature({ salonId, amount, discount, partnerToken: secrets.yclientsPartnerToken }),
    debounceMs: config.notifyDebounceMs,
  });
  const { reconciliation, webhookSubscriptionCheck } = useCases;
  metrics.missingWebhookUrls.readFrom(() => webhookSubscriptionCheck.missing.size);

  const { webhookAuthenticator, webhookWriter, spool, inbox } = scope.use(
    await openInbox(
      { keyring, companies, queue, burstDetector, ...shared },
      {
        spoolDirectory: join(config.directories.data, 'spool'),
        batch: { maxBatchSize: config.webhooks.batchSize, waitMs: config.webhooks.batchWaitMs },
        shardCount: storage.concurrentInserts,
      },
    ),
  );
  metrics.spoolBytes.readFrom(() => spool.bytes);

  const requestReconciliation = catchAsync(
    (error) => report.failed('Reconciliation request', error),
    (cause: string) => reconciliation.requestAll(cause),
  );
  yclients.on('breaker-state', (_group, state) => {
    if (state === 'closed') requestReconciliation('breaker_closed');
  });
  webhookWriter.on('drained', () => requestReconciliation('spool_drained'));
  const health = new Health({ database: () => storage.ping(), spool: () => spool.check() });

  const resources = scope.move();
  return {
    config,
    secrets,
    publicUrl,
    connectUrl,
    logger,
    metrics,
    health,
    service: useCases.service,
    registration: useCases.registration,
    lifecycle: useCases.lifecycle,
    revocations,
    webhookAuthenticator,
    inbox,
    reconciliation,
    queue,
    notificationSettings: useCases.notificationSettings,
    events,
    receivedMessages,
    outgoingWebhookSettings: useCases.outgoingWebhookSettings,
    restrictions,
    whatsapp,
    lastInboundAt: receiveWatchdog.lastInboundAt,
    now,
    monotonicMs,
    /** Starts background work: session restore, job workers, recurring tasks. */
    async start(): Promise<void> {
      resources.use(
        await startBackground({
          useCases,
          whatsapp,
          receiveWatchdog,
          outbox,
          restrictionMonitor,
          webhookAuthenticator,
          webhookWriter,
          queue,
          inboundMessageQueue,
          keyRotation,
          events,
          report,
          now,
        }),
      );
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
