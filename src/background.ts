import type { WebhookAuthenticator } from './inbox/webhook-authenticator.ts';
import type { WebhookWriter } from './inbox/webhook-writer.ts';
import { startJobWorkers } from './jobs/handlers.ts';
import type { RetryingQueue } from './lib/async/retrying-queue.ts';
import type { Activation } from './marketplace/installation/activation.ts';
import type { ReplyHandler } from './marketplace/replies/reply-handler.ts';
import type { WebhookForwarder } from './marketplace/replies/webhook-forwarder.ts';
import type { KeyRotation } from './jobs/key-rotation.ts';
import type { Lifecycle } from './marketplace/installation/lifecycle.ts';
import type { MarketplaceService } from './marketplace/marketplace-service.ts';
import type { StatusPoller } from './marketplace/installation/status-poller.ts';
import type { InboundMessages } from './marketplace/replies/inbound-messages.ts';
import type { Reconciliation } from './marketplace/bookings/reconciliation.ts';
import type { Replanner } from './marketplace/bookings/replan.ts';
import type { SessionRecorder } from './marketplace/installation/session-recorder.ts';
import type { AttendanceWriteBack } from './marketplace/replies/attendance-write-back.ts';
import type { Outbox } from './messaging/outbox.ts';
import type { RestrictionMonitor } from './messaging/restriction-monitor.ts';
import type { BusinessEvents } from './observability/events.ts';
import type { StoppableJobQueue } from './storage/queue/job-queue.ts';
import type { BaileysManager } from './whatsapp/baileys-manager.ts';
import type { ReceiveWatchdog } from './whatsapp/watchdog/receive-watchdog.ts';
import type { Events } from './ports/events.ts';
import { startSchedule } from './lib/async/timers.ts';

const minuteMs = 60_000;

export type BackgroundDeps = Readonly<{
  activation: Activation;
  webhookAuthenticator: WebhookAuthenticator;
  replyHandler: ReplyHandler;
  receiveWatchdog: ReceiveWatchdog;
  events: Events;
  webhookForwarder: WebhookForwarder;
  keyRotation: KeyRotation;
  lifecycle: Lifecycle;
  outbox: Outbox;
  statusPoller: StatusPoller;
  restrictionMonitor: RestrictionMonitor;
  queue: StoppableJobQueue;
  /** What clients write, also while the database is away. */
  inboundMessageQueue: Pick<RetryingQueue, 'run'>;
  inboundMessages: InboundMessages;
  reconciliation: Reconciliation;
  replanner: Replanner;
  report: BusinessEvents;
  service: MarketplaceService;
  sessionRecorder: SessionRecorder;
  webhookWriter: WebhookWriter;
  whatsapp: BaileysManager;
  attendanceWriteBack: AttendanceWriteBack;
  now: () => Date;
}>;

/** Begins the work that nobody asks for: follows the sessions, restores them, runs the jobs. Disposal ends the jobs. */
export async function startBackground(deps: BackgroundDeps): Promise<AsyncDisposable> {
  const { webhookAuthenticator, lifecycle, outbox, queue, report, service, sessionRecorder } = deps;
  const { inboundMessageQueue, inboundMessages, webhookWriter, whatsapp, now } = deps;
  await using scope = new AsyncDisposableStack();
  await service.init();
  await webhookAuthenticator.preload();
  outbox.start();
  deps.restrictionMonitor.start();
  whatsapp.on('received', (companyId, message) =>
    inboundMessageQueue.run(`${companyId}:${message.phone}`, () =>
      inboundMessages.handle(companyId, message),
    ),
  );
  await startJobWorkers(deps);
  scope.use(queue);
  webhookWriter.start();
  await whatsapp.initializeManager();
  await sessionRecorder.recordLostSessions(
    (companyId) => whatsapp.getSessionStatus(companyId).state !== 'idle',
    now(),
  );
  await lifecycle.finishUninstallations();
  scope.use(
    startSchedule(recurringTasks(deps), (what, error) => {
      report.failed(what, error);
    }),
  );
  return scope.move();
}

function recurringTasks({
  activation,
  receiveWatchdog,
  webhookForwarder,
  inboundMessages,
  keyRotation,
  reconciliation,
  statusPoller,
  whatsapp,
}: BackgroundDeps) {
  return [
    {
      what: 'Activation sweep',
      // How long a salon may wait for an activation whose job was given up.
      everyMs: 5 * minuteMs,
      run: () => activation.sweep(),
    },
    {
      what: 'Reconciliation request',
      everyMs: 3 * 60 * minuteMs,
      run: () => reconciliation.requestAll('schedule'),
    },
    {
      what: 'Reconciliation of salons without webhooks',
      everyMs: 10 * minuteMs,
      run: () => reconciliation.requestUnsubscribed(),
    },
    {
      what: 'Frozen installation status check',
      everyMs: 10 * minuteMs,
      run: () => statusPoller.checkFrozen(),
    },
    {
      what: 'Active installation status check',
      everyMs: 24 * 60 * minuteMs,
      run: () => statusPoller.checkActive(),
    },
    {
      what: 'Receive watchdog',
      everyMs: minuteMs / 2,
      run: () => receiveWatchdog.sweep(),
    },
    {
      what: 'Stalled socket check',
      everyMs: 2_500,
      run: async () => receiveWatchdog.pingStalledSockets(),
    },
    {
      what: 'Unlinked WhatsApp session cleanup',
      everyMs: 5 * minuteMs,
      run: () => whatsapp.evictUnlinkedSessions(),
    },
    {
      what: 'Quarantined WhatsApp credential cleanup',
      everyMs: 60 * minuteMs,
      run: () => whatsapp.eraseQuarantined(),
    },
    {
      what: 'Message forwarding sweep',
      everyMs: minuteMs,
      run: () => webhookForwarder.sweep(),
    },
    {
      what: 'Expired received message cleanup',
      everyMs: 60 * minuteMs,
      run: () => inboundMessages.deleteExpired(),
    },
    {
      what: 'Key rotation',
      everyMs: 60 * minuteMs,
      run: () => keyRotation.run(),
    },
  ];
}
