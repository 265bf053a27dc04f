import type { CachedWebhookAuthenticator } from './inbox/webhook-authenticator.ts';
import type { WebhookWriter } from './inbox/webhook-writer.ts';
import { startJobWorkers } from './jobs/handlers.ts';
import type { KeyRotation } from './jobs/key-rotation.ts';
import type { RetryingQueue } from './lib/async/retrying-queue.ts';
import { type RecurringTask, startSchedule } from './lib/async/timers.ts';
import type { UseCases } from './marketplace/create-use-cases.ts';
import type { Outbox } from './messaging/outbox.ts';
import type { RestrictionMonitor } from './messaging/restriction-monitor.ts';
import type { BusinessEvents } from './observability/events.ts';
import type { Events } from './ports/events.ts';
import type { StoppableJobQueue } from './storage/queue/job-queue.ts';
import type { BaileysManager } from './whatsapp/baileys-manager.ts';
import type { ReceiveWatchdog } from './whatsapp/watchdog/receive-watchdog.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export type BackgroundDeps = Readonly<{
  useCases: UseCases;
  whatsapp: BaileysManager;
  receiveWatchdog: ReceiveWatchdog;
  outbox: Outbox;
  restrictionMonitor: RestrictionMonitor;
  webhookAuthenticator: CachedWebhookAuthenticator;
  webhookWriter: WebhookWriter;
  queue: StoppableJobQueue;
  /** Writes inbound messages, also through a database outage. */
  inboundMessageQueue: Pick<RetryingQueue, 'run'>;
  keyRotation: KeyRotation;
  events: Events;
  report: BusinessEvents;
  now: () => Date;
}>;

/** Starts background work: event listeners, job workers, session restore, recurring tasks. Disposal stops jobs and tasks. */
export async function startBackground(deps: BackgroundDeps): Promise<AsyncDisposable> {
  const { useCases, queue, events, report } = deps;
  await using scope = new AsyncDisposableStack();
  await useCases.service.init();
  await deps.webhookAuthenticator.preload();
  subscribeToMessages(deps);
  await startJobWorkers({ ...useCases, queue, events, report });
  scope.use(queue);
  deps.webhookWriter.start();
  await restoreSessions(deps);
  scope.use(startSchedule(recurringTasks(deps), (what, error) => report.failed(what, error)));
  return scope.move();
}

function subscribeToMessages(deps: BackgroundDeps): void {
  const { whatsapp, outbox, restrictionMonitor, inboundMessageQueue } = deps;
  const { inboundMessages } = deps.useCases;
  // In this order: a refusal is stored before the monitor looks up its reason.
  outbox.start();
  restrictionMonitor.start();
  whatsapp.on('received', (companyId, message) =>
    inboundMessageQueue.run(`${companyId}:${message.phone}`, () =>
      inboundMessages.handle(companyId, message),
    ),
  );
}

async function restoreSessions({ useCases, whatsapp, now }: BackgroundDeps): Promise<void> {
  const { sessionRecorder, lifecycle } = useCases;
  await whatsapp.initializeManager();
  await sessionRecorder.recordLostSessions(
    (companyId) => whatsapp.getSessionStatus(companyId).state !== 'idle',
    now(),
  );
  await lifecycle.finishUninstallations();
}

/** Each runs at start and then periodically. */
function recurringTasks(deps: BackgroundDeps): readonly RecurringTask[] {
  const { whatsapp, receiveWatchdog, keyRotation } = deps;
  const { activation, reconciliation, statusPoller, webhookForwarder, inboundMessages } = deps.useCases;
  return [
    // Limits how long a salon waits for an activation whose job was dead-lettered.
    task('Activation sweep', 5 * minuteMs, () => activation.sweep()),
    task('Reconciliation request', 3 * hourMs, () => reconciliation.requestAll('schedule')),
    task('Reconciliation of salons without webhooks', 10 * minuteMs, () =>
      reconciliation.requestUnsubscribed(),
    ),
    task('Frozen installation status check', 10 * minuteMs, () => statusPoller.checkFrozen()),
    task('Active installation status check', 24 * hourMs, () => statusPoller.checkActive()),
    task('Receive watchdog', 30_000, () => receiveWatchdog.sweep()),
    task('Stalled socket check', 2_500, async () => receiveWatchdog.pingStalledSockets()),
    task('Unlinked WhatsApp session cleanup', 5 * minuteMs, () => whatsapp.evictUnlinkedSessions()),
    task('Quarantined WhatsApp credential cleanup', hourMs, () => whatsapp.eraseQuarantined()),
    task('Message forwarding sweep', minuteMs, () => webhookForwarder.sweep()),
    task('Expired received message cleanup', hourMs, () => inboundMessages.deleteExpired()),
    task('Key rotation', hourMs, () => keyRotation.run()),
  ];
}

function task(what: string, everyMs: number, run: () => Promise<unknown>): RecurringTask {
  return { what, everyMs, run };
}
