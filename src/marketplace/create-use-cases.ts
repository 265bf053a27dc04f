import type { CompanyId } from '../domain/ids.ts';
import type { RetryingQueue } from '../lib/async/retrying-queue.ts';
import { DirectMessages } from '../messaging/direct-messages.ts';
import { NotificationSettingsService } from '../messaging/notification-settings.ts';
import type { Outbox } from '../messaging/outbox.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Bookings, SyncCursors } from '../ports/bookings.ts';
import type { ClientReplies } from '../ports/client-replies.ts';
import type { Companies, ConnectTokens, Revocations } from '../ports/companies.ts';
import type { Events } from '../ports/events.ts';
import type { JobQueue } from '../ports/job-queue.ts';
import type { Contacts, Messages, Settings } from '../ports/messages.ts';
import type { OutgoingWebhooks, WebhookSender } from '../ports/outgoing-webhooks.ts';
import type { ReceivedMessages } from '../ports/received-messages.ts';
import type { QrRenderer, WhatsApp } from '../ports/sessions.ts';
import type { YclientsApi } from '../ports/yclients.ts';
import { BookingSync } from './bookings/booking-sync.ts';
import { Reconciliation } from './bookings/reconciliation.ts';
import { Replanner } from './bookings/replan.ts';
import { WebhookProcessor } from './bookings/webhook-processor.ts';
import { WebhookSubscriptionCheck } from './bookings/webhook-subscription-check.ts';
import { Activation } from './installation/activation.ts';
import type { ConnectTokenSigner } from './installation/connect-token.ts';
import { Lifecycle, type LifecycleOptions } from './installation/lifecycle.ts';
import { Registration, type RegistrationDeps } from './installation/registration.ts';
import { SessionRecorder } from './installation/session-recorder.ts';
import { StatusPoller } from './installation/status-poller.ts';
import { MarketplaceService } from './marketplace-service.ts';
import { AttendanceWriteBack } from './replies/attendance-write-back.ts';
import { InboundMessages } from './replies/inbound-messages.ts';
import { OutgoingWebhookSettingsService } from './replies/outgoing-webhook-settings.ts';
import { ReplyHandler } from './replies/reply-handler.ts';
import { WebhookForwarder } from './replies/webhook-forwarder.ts';

export type UseCaseDeps = Readonly<{
  bookings: Bookings;
  clientReplies: ClientReplies;
  companies: Companies;
  contacts: Contacts;
  events: Events;
  messages: Messages;
  queue: JobQueue;
  receivedMessages: ReceivedMessages;
  settings: Settings;
  syncCursors: SyncCursors;
  connectTokens: ConnectTokens;
  outgoingWebhooks: OutgoingWebhooks;
  revocations: Pick<Revocations, 'emit'>;
  whatsapp: WhatsApp;
  qrRenderer: QrRenderer;
  /** Writes session states, also through a database outage. */
  sessionStateQueue: Pick<RetryingQueue, 'run'>;
  yclients: YclientsApi;
  webhookSender: WebhookSender;
  signer: ConnectTokenSigner;
  outbox: Pick<Outbox, 'wake'>;
  /** The URL to which YCLIENTS posts a company's events; contains its webhook secret. */
  webhookUrl: (companyId: CompanyId, secret: string) => string;
  report: BusinessEvents;
  now: () => Date;
}> &
  Pick<RegistrationDeps, 'verifyUserData' | 'connectUrl'> &
  LifecycleOptions &
  Readonly<{
    /** Accept outgoing webhooks on this machine, without TLS. */
    allowLoopback: boolean;
    /** Delay in which further changes of a booking replace the queued message. */
    debounceMs: number;
  }>;

export type UseCases = ReturnType<typeof createUseCases>;

/** Builds the use cases from adapters, in order of dependency. */
export function createUseCases(deps: UseCaseDeps) {
  const bookingSync = new BookingSync(deps);
  const replanner = new Replanner({ ...deps, bookingSync });
  const webhookProcessor = new WebhookProcessor({ ...deps, bookingSync });
  const webhookSubscriptionCheck = new WebhookSubscriptionCheck(deps);
  const reconciliation = new Reconciliation({ ...deps, bookingSync, webhookSubscriptionCheck });

  const activation = new Activation({
    ...deps,
    onActivated: (companyId) => reconciliation.request(companyId, 'activation'),
  });
  const lifecycle = new Lifecycle({
    ...deps,
    onResumed: async (companyId) => {
      await reconciliation.request(companyId, 'resumed');
      await replanner.request(companyId);
    },
  });
  const statusPoller = new StatusPoller({ ...deps, lifecycle });

  const attendanceWriteBack = new AttendanceWriteBack(deps);
  const replyHandler = new ReplyHandler({ ...deps, replanner, attendanceWriteBack });
  const webhookForwarder = new WebhookForwarder(deps);
  const inboundMessages = new InboundMessages({ ...deps, replyHandler, webhookForwarder });
  const outgoingWebhookSettings = new OutgoingWebhookSettingsService({ ...deps, webhookForwarder });
  const notificationSettings = new NotificationSettingsService({
    ...deps,
    requestReplan: (companyId) => replanner.request(companyId),
  });

  const sessionRecorder = new SessionRecorder(deps);
  const directMessages = new DirectMessages(deps);
  const service = new MarketplaceService({
    ...deps,
    activation,
    directMessages,
    sessionRecorder,
    webhookProcessor,
  });
  const registration = new Registration({ ...deps, service, activation });

  return {
    service,
    registration,
    sessionRecorder,
    replanner,
    webhookSubscriptionCheck,
    reconciliation,
    activation,
    lifecycle,
    statusPoller,
    attendanceWriteBack,
    replyHandler,
    webhookForwarder,
    inboundMessages,
    outgoingWebhookSettings,
    notificationSettings,
  };
}
