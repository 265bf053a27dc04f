import { EventEmitter } from 'node:events';
import { join, resolve } from 'node:path';
import type { Config } from './config/config.ts';
import type { Secrets } from './config/secrets.ts';
import type { CompanyId } from './domain/ids.ts';
import { Spool } from './inbox/spool.ts';
import { WebhookAddresses } from './inbox/webhook-addresses.ts';
import { WebhookInbox } from './inbox/webhook-inbox.ts';
import { WebhookStore } from './inbox/webhook-store.ts';
import { startWorkers } from './inbox/workers.ts';
import { guarded } from './lib/guarded.ts';
import { scheduled } from './lib/schedule.ts';
import { SecretBox } from './lib/secret-box.ts';
import { Activation } from './marketplace/activation.ts';
import { ClientAnswers, type ReceivedText } from './marketplace/client-answers.ts';
import { ConnectTokenSigner } from './marketplace/connect-token.ts';
import { Lifecycle } from './marketplace/lifecycle.ts';
import { MarketplaceService } from './marketplace/marketplace-service.ts';
import { PlatformWatch } from './marketplace/platform-watch.ts';
import { Reconciliation } from './marketplace/reconciliation.ts';
import { RecordWebhooks } from './marketplace/record-webhooks.ts';
import { Registration } from './marketplace/registration.ts';
import { Replanning } from './marketplace/replanning.ts';
import { WebhookJobs } from './marketplace/webhook-jobs.ts';
import { WebhookUrlWatch } from './marketplace/webhook-url-watch.ts';
import { SessionRecorder } from './marketplace/session-recorder.ts';
import { outboxFigures } from './messaging/outbox-figures.ts';
import { NotificationRules } from './marketplace/notification-rules.ts';
import { Outbox } from './messaging/outbox.ts';
import { createBusinessEvents } from './observability/events.ts';
import { Health } from './observability/health.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics } from './observability/metrics.ts';
import { openStorage } from './storage/open-storage.ts';
import { BaileysManager } from './whatsapp/baileys-manager.ts';
import { SqliteCredentialRows } from './whatsapp/sqlite-credential-rows.ts';
import { WorkerQrRenderer } from './workers/qr-renderer.ts';
import { paymentSignature, verifyUserData } from './yclients/signature.ts';
import { YclientsClient } from './yclients/yclients-client.ts';

const minuteMs = 60_000;

const intervalsMs = {
  /** How long a salon may wait for an activation whose job was given up. */
  activationSweep: 5 * minuteMs,
  reconciliation: 3 * 60 * minuteMs,
  frozen: 10 * minuteMs,
  active: 24 * 60 * minuteMs,
  unposted: 10 * minuteMs,
};

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
    spoolBytes: () => spool.bytes,
    missingWebhookUrls: () => webhookUrls.missing.size,
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
      onError: (error) => report.failed('Storage', error),
      outages: {
        began: (what, error) => report.outageBegan(what, error),
        ended: (what, lastedMs) => report.outageEnded(what, lastedMs),
      },
    }),
  );
  const { companies, contacts, events, messages, queue, settings } = storage;
  const spool = scope.use(
    await Spool.open({
      directory: join(config.directories.data, 'spool'),
      box,
      damaged: (segment, lines) => report.spoolDamaged(segment, lines),
    }),
  );

  const yclients = new YclientsClient({
    apiUrl: config.yclients.apiUrl,
    applicationId: config.yclients.applicationId,
    partnerToken: secrets.yclientsPartnerToken,
    userToken: secrets.yclientsUserToken,
    random,
  });

  // Below the sessions, so that their last words are still written when they close.
  const sessionRecorder = scope.use(new SessionRecorder(companies, report));
  const whatsapp = scope.use(
    new BaileysManager({
      rows:
        config.sessionStore === 'database'
          ? storage.credentialRows
          : scope.use(new SqliteCredentialRows(config.directories.sessions)),
      box,
      leases: storage.leases,
      // The embedded store admits one process: after a crash its sessions are ours again at once.
      owner: config.database.kind === 'embedded' ? 'embedded' : config.instanceId,
      logger: logger.child({ part: 'whatsapp' }),
      getMessage: (companyId, whatsappMessageId) => messages.textOf(companyId, whatsappMessageId),
      now,
      monotonicNow: monotonicMs,
      random,
      ...(config.whatsapp.webSocketUrl !== undefined && { webSocketUrl: config.whatsapp.webSocketUrl }),
      ...(config.whatsapp.version !== undefined && { version: config.whatsapp.version }),
    }),
  );
  const qrRenderer = scope.use(new WorkerQrRenderer());
  const outbox = scope.use(
    new Outbox({ messages, companies, settings, whatsapp, report, pacing: config.pacing, random, now }),
  );

  const signer = new ConnectTokenSigner(secrets.jwtSecret, now);
  const connectUrl = (tokens: readonly string[]): string =>
    `${publicUrl}/marketplace/connect#${tokens.length === 1 ? 'token' : 'tokens'}=${tokens.join(',')}`;
  const wakeOutbox = (companyId: CompanyId): void => outbox.wake(companyId);
  const webhookUrl = (companyId: CompanyId, secret: string): string =>
    `${publicUrl}/marketplace/webhook/${companyId}/${secret}`;
  const records = new RecordWebhooks({
    bookings: storage.bookings,
    settings,
    events,
    report,
    debounceMs: config.notifyDebounceMs,
    now,
  });
  const replanning = new Replanning({
    companies,
    bookings: storage.bookings,
    records,
    queue,
    wakeOutbox,
    now,
  });
  const webhookUrls = new WebhookUrlWatch({ companies, yclients, events, report, webhookUrl });
  const reconciliation = new Reconciliation({
    companies,
    yclients,
    records,
    webhookUrls,
    events,
    queue,
    wakeOutbox,
    report,
    now,
  });
  const answers = new ClientAnswers({
    companies,
    contacts,
    messages,
    events,
    yclients,
    replanning,
    queue,
    wakeOutbox,
    report,
    now,
  });
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
  const addresses = new WebhookAddresses({ companies, monotonicMs });
  const requestReconciliation = (cause: string): void =>
    guarded(
      (error) => report.failed('Asking for a reconciliation', error),
      () => reconciliation.requestAll(cause),
    )();
  const webhookStore = scope.use(
    new WebhookStore({
      queue,
      spool,
      report,
      monotonicMs,
      drained: () => requestReconciliation('spool_drained'),
    }),
  );
  const inbox = new WebhookInbox({
    addresses,
    write: (jobs) => webhookStore.write(jobs),
    batch: { size: config.webhooks.batchSize, waitMs: config.webhooks.batchWaitMs },
    report,
    now,
  });
  const health = new Health({ database: () => storage.ping(), spool: () => spool.check() });

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
    inbox,
    reconciliation,
    queue,
    rules: new NotificationRules({ settings, contacts, replanning }),
    events,
    whatsapp,
    now,
    monotonicMs,
    /** Begins the work that nobody asks for: follows the sessions, restores them, runs the jobs. */
    async start(): Promise<void> {
      await service.init();
      await addresses.learn();
      outbox.start();
      whatsapp.on(
        'received',
        guarded(
          (error) => report.failed("Taking a client's message", error),
          (companyId: CompanyId, message: ReceivedText) => answers.received(companyId, message),
        ),
      );
      await startWorkers({
        queue,
        events,
        report,
        handleWebhook: (companyId, webhook) => service.handleWebhook(companyId, webhook),
        activate: (companyId) => service.sendCallbackToYClients(companyId),
        activationGivenUp: (companyId, error) => activation.gaveUp(companyId, error),
        disconnect: (companyId) => lifecycle.disconnect(companyId),
        answer: (job) => answers.run(job),
        replan: (companyId, cause, phone) => replanning.run(companyId, cause, phone),
        reconcile: (companyId, cause) => reconciliation.run(companyId, cause),
      });
      graph.use(queue);
      webhookStore.start();
      await whatsapp.initializeManager();
      await sessionRecorder.recordLost(
        (companyId) => whatsapp.getSessionStatus(companyId).state !== 'idle',
        now(),
      );
      await lifecycle.finishUninstallations();
      graph.use(
        scheduled(
          [
            {
              what: 'Looking for salons to activate',
              everyMs: intervalsMs.activationSweep,
              run: () => activation.sweep(),
            },
            {
              what: 'Asking for a reconciliation',
              everyMs: intervalsMs.reconciliation,
              run: () => reconciliation.requestAll('schedule'),
            },
            {
              what: 'Asking for frozen installations',
              everyMs: intervalsMs.frozen,
              run: () => platformWatch.checkFrozen(),
            },
            {
              what: 'Asking for active installations',
              everyMs: intervalsMs.active,
              run: () => platformWatch.checkActive(),
            },
            {
              what: 'Reading the changes of salons that post us nothing',
              everyMs: intervalsMs.unposted,
              run: () => reconciliation.requestUnposted(),
            },
          ],
          (what, error) => report.failed(what, error),
        ),
      );
    },
    [Symbol.asyncDispose]: () => graph.disposeAsync(),
  };
}
