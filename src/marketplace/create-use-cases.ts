import type { CompanyId } from '../domain/ids.ts';
import { ClientAnswers } from './replies/reply-handler.ts';
import { Forwarding } from './replies/webhook-forwarder.ts';
import type {
  Answers,
  Bookings,
  Contacts,
  Messages,
  OutgoingWebhooks,
  ReceivedMessages,
  Receiver,
  Settings,
} from '../ports/message-ports.ts';
import { OutgoingWebhookRules } from './replies/outgoing-webhook-settings.ts';
import { Receiving } from './replies/inbound-messages.ts';
import type { Companies, Events, JobQueue, Readings } from '../ports/ports.ts';
import type { YclientsPlatform } from '../ports/yclients.ts';
import { Reconciliation } from './bookings/reconciliation.ts';
import { RecordWebhooks } from './bookings/booking-sync.ts';
import { Replanning } from './bookings/replan.ts';
import { WebhookUrlWatch } from './bookings/webhook-subscription-check.ts';
import { WriteBack } from './replies/attendance-write-back.ts';
import type { BusinessEvents } from '../observability/events.ts';

export type NotificationParts = Readonly<{
  answers: Answers;
  bookings: Bookings;
  companies: Companies;
  contacts: Contacts;
  events: Events;
  messages: Messages;
  queue: JobQueue;
  readings: Readings;
  received: ReceivedMessages;
  receiver: Receiver;
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
export function createNotifications(parts: NotificationParts) {
  const records = new RecordWebhooks(parts);
  const replanning = new Replanning({ ...parts, records });
  const webhookUrls = new WebhookUrlWatch(parts);
  const reconciliation = new Reconciliation({ ...parts, records, webhookUrls });
  const writeBack = new WriteBack(parts);
  const clientAnswers = new ClientAnswers({ ...parts, replanning, writeBack });
  const forwarding = new Forwarding(parts);
  const receiving = new Receiving({ ...parts, clientAnswers, forwarding });
  const outgoingWebhooks = new OutgoingWebhookRules({ ...parts, forwarding });
  return {
    records,
    replanning,
    webhookUrls,
    reconciliation,
    clientAnswers,
    writeBack,
    forwarding,
    receiving,
    outgoingWebhooks,
  };
}
