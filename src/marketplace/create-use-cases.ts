import type { CompanyId } from '../domain/ids.ts';
import { ReplyHandler } from './replies/reply-handler.ts';
import { WebhookForwarder } from './replies/webhook-forwarder.ts';
import { OutgoingWebhookSettingsService } from './replies/outgoing-webhook-settings.ts';
import { InboundMessages } from './replies/inbound-messages.ts';
import type { YclientsPlatform } from '../ports/yclients.ts';
import { Reconciliation } from './bookings/reconciliation.ts';
import { BookingSync } from './bookings/booking-sync.ts';
import { Replanner } from './bookings/replan.ts';
import { WebhookSubscriptionCheck } from './bookings/webhook-subscription-check.ts';
import { AttendanceWriteBack } from './replies/attendance-write-back.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { ClientReplies } from '../ports/client-replies.ts';
import type { Bookings, SyncCursors } from '../ports/bookings.ts';
import type { Contacts, Messages, Settings } from '../ports/messages.ts';
import type { OutgoingWebhooks, WebhookSender } from '../ports/outgoing-webhooks.ts';
import type { ReceivedMessages } from '../ports/received-messages.ts';
import type { Companies } from '../ports/companies.ts';
import type { Events } from '../ports/events.ts';
import type { JobQueue } from '../ports/job-queue.ts';

export type UseCaseDependencies = Readonly<{
  clientReplies: ClientReplies;
  bookings: Bookings;
  companies: Companies;
  contacts: Contacts;
  events: Events;
  messages: Messages;
  queue: JobQueue;
  syncCursors: SyncCursors;
  received: ReceivedMessages;
  webhookSender: WebhookSender;
  /** Whether a company's receiver may be on this machine. */
  allowLoopback: boolean;
  settings: Settings;
  webhooks: OutgoingWebhooks;
  yclients: YclientsPlatform;
  report: BusinessEvents;
  /** Where the platform posts a company's events; holds its secret. */
  webhookUrl: (companyId: CompanyId, secret: string) => string;
  wakeOutbox: (companyId: CompanyId) => void;
  debounceMs: number;
  now: () => Date;
}>;

/** The parts that turn what the platform and the clients say into messages, and what clients say into news for the salon. */
export function createUseCases(deps: UseCaseDependencies) {
  const bookingSync = new BookingSync(deps);
  const replanning = new Replanner({ ...deps, bookingSync });
  const webhookSubscriptionCheck = new WebhookSubscriptionCheck(deps);
  const reconciliation = new Reconciliation({ ...deps, bookingSync, webhookSubscriptionCheck });
  const attendanceWriteBack = new AttendanceWriteBack(deps);
  const replyHandler = new ReplyHandler({ ...deps, replanning, attendanceWriteBack });
  const webhookForwarder = new WebhookForwarder(deps);
  const inboundMessages = new InboundMessages({ ...deps, replyHandler, webhookForwarder });
  const outgoingWebhooks = new OutgoingWebhookSettingsService({ ...deps, webhookForwarder });
  return {
    bookingSync,
    replanning,
    webhookSubscriptionCheck,
    reconciliation,
    replyHandler,
    attendanceWriteBack,
    webhookForwarder,
    inboundMessages,
    outgoingWebhooks,
  };
}
