import type { WebhookAddresses } from './inbox/webhook-authenticator.ts';
import type { WebhookStore } from './inbox/webhook-writer.ts';
import { startWorkers } from './jobs/handlers.ts';
import type { PatientTasks } from './lib/async/retrying-queue.ts';
import { scheduled } from './lib/async/schedule.ts';
import type { Activation } from './marketplace/installation/activation.ts';
import type { ClientAnswers } from './marketplace/replies/reply-handler.ts';
import type { Forwarding } from './marketplace/replies/webhook-forwarder.ts';
import type { KeyRotation } from './jobs/key-rotation.ts';
import type { Lifecycle } from './marketplace/installation/lifecycle.ts';
import type { MarketplaceService } from './marketplace/marketplace-service.ts';
import type { PlatformWatch } from './marketplace/installation/status-poller.ts';
import type { Events } from './ports/ports.ts';
import type { Receiving } from './marketplace/replies/inbound-messages.ts';
import type { Reconciliation } from './marketplace/bookings/reconciliation.ts';
import type { Replanning } from './marketplace/bookings/replan.ts';
import type { SessionRecorder } from './marketplace/installation/session-recorder.ts';
import type { WriteBack } from './marketplace/replies/attendance-write-back.ts';
import type { Outbox } from './messaging/outbox.ts';
import type { RestrictionWatch } from './messaging/restriction-monitor.ts';
import type { BusinessEvents } from './observability/events.ts';
import type { StoppableJobQueue } from './storage/queue/job-queue.ts';
import type { BaileysManager } from './whatsapp/baileys-manager.ts';
import type { DeafnessWatch } from './whatsapp/watchdog/receive-watchdog.ts';

const minuteMs = 60_000;

export type WorkParts = Readonly<{
  activation: Activation;
  addresses: WebhookAddresses;
  clientAnswers: ClientAnswers;
  deafness: DeafnessWatch;
  events: Events;
  forwarding: Forwarding;
  keyRotation: KeyRotation;
  lifecycle: Lifecycle;
  outbox: Outbox;
  platformWatch: PlatformWatch;
  restrictionWatch: RestrictionWatch;
  queue: StoppableJobQueue;
  /** What clients write, also while the database is away. */
  receivedTexts: Pick<PatientTasks, 'run'>;
  receiving: Receiving;
  reconciliation: Reconciliation;
  replanning: Replanning;
  report: BusinessEvents;
  service: MarketplaceService;
  sessionRecorder: SessionRecorder;
  webhookStore: WebhookStore;
  whatsapp: BaileysManager;
  writeBack: WriteBack;
  now: () => Date;
}>;

/** Begins the work that nobody asks for: follows the sessions, restores them, runs the jobs. Disposal ends the jobs. */
export async function startWork(parts: WorkParts): Promise<AsyncDisposable> {
  const { activation, addresses, events, lifecycle, outbox, queue, report } = parts;
  const { clientAnswers, reconciliation, replanning, service, sessionRecorder, webhookStore, whatsapp } =
    parts;
  const { forwarding, receivedTexts, receiving, writeBack, now } = parts;
  await using scope = new AsyncDisposableStack();
  await service.init();
  await addresses.learn();
  outbox.start();
  parts.restrictionWatch.start();
  whatsapp.on('received', (companyId, message) =>
    receivedTexts.run(`${companyId}:${message.phone}`, () => receiving.received(companyId, message)),
  );
  await startWorkers({
    queue,
    events,
    report,
    handleWebhook: (companyId, webhook) => service.handleWebhook(companyId, webhook),
    activate: (companyId) => service.sendCallbackToYClients(companyId),
    activationGivenUp: (companyId, error) => activation.gaveUp(companyId, error),
    disconnect: (companyId) => lifecycle.disconnect(companyId),
    answer: (job) => clientAnswers.run(job),
    writeBack: (job) => writeBack.run(job),
    forward: (job) => forwarding.run(job),
    replan: (companyId, cause, phone) => replanning.run(companyId, cause, phone),
    reconcile: (companyId, cause) => reconciliation.run(companyId, cause),
  });
  scope.use(queue);
  webhookStore.start();
  await whatsapp.initializeManager();
  await sessionRecorder.recordLost(
    (companyId) => whatsapp.getSessionStatus(companyId).state !== 'idle',
    now(),
  );
  await lifecycle.finishUninstallations();
  scope.use(
    scheduled(recurringWork(parts), (what, error) => {
      report.failed(what, error);
    }),
  );
  return scope.move();
}

function recurringWork({
  activation,
  deafness,
  forwarding,
  receiving,
  keyRotation,
  reconciliation,
  platformWatch,
  whatsapp,
}: WorkParts) {
  return [
    {
      what: 'Looking for salons to activate',
      // How long a salon may wait for an activation whose job was given up.
      everyMs: 5 * minuteMs,
      run: () => activation.sweep(),
    },
    {
      what: 'Asking for a reconciliation',
      everyMs: 3 * 60 * minuteMs,
      run: () => reconciliation.requestAll('schedule'),
    },
    {
      what: 'Asking for salons that post us nothing',
      everyMs: 10 * minuteMs,
      run: () => reconciliation.requestUnposted(),
    },
    {
      what: 'Asking for frozen installations',
      everyMs: 10 * minuteMs,
      run: () => platformWatch.checkFrozen(),
    },
    {
      what: 'Asking for active installations',
      everyMs: 24 * 60 * minuteMs,
      run: () => platformWatch.checkActive(),
    },
    {
      what: 'Looking for deaf sessions',
      everyMs: minuteMs / 2,
      run: () => deafness.sweep(),
    },
    {
      what: 'Looking for dead lines',
      everyMs: 2_500,
      run: async () => deafness.sweepLines(),
    },
    {
      what: 'Forgetting unlinked WhatsApp sessions',
      everyMs: 5 * minuteMs,
      run: () => whatsapp.forgetUnlinked(),
    },
    {
      what: 'Erasing WhatsApp credentials set aside',
      everyMs: 60 * minuteMs,
      run: () => whatsapp.eraseQuarantined(),
    },
    {
      what: 'Looking for messages to forward',
      everyMs: minuteMs,
      run: () => forwarding.sweep(),
    },
    {
      what: 'Erasing old received messages',
      everyMs: 60 * minuteMs,
      run: () => receiving.forgetOld(),
    },
    {
      what: 'Sealing values under the first encryption key',
      everyMs: 60 * minuteMs,
      run: () => keyRotation.run(),
    },
  ];
}
