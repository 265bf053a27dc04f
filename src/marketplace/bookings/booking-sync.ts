import { applyEvent, assumedTold, type RecordEventStatus } from '../../domain/booking/booking-events.ts';
import type { KnownBooking } from '../../domain/booking/booking.ts';
import type { Company } from '../../domain/company/company.ts';
import { type Plan, type PlannedMessage, planMessages } from '../../domain/notification/notification-plan.ts';
import type { NewMessage } from '../../domain/notification/message.ts';
import type { NotificationSettings } from '../../domain/notification/settings.ts';
import { bookingFrom, lastChangeOf } from '../../domain/booking/yclients-record.ts';
import { renderMessage } from '../../messaging/templates/render.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Bookings, Settings } from '../../ports/message-ports.ts';
import type { Events, MarketplaceEvent } from '../../ports/ports.ts';

export type RecordWebhook = Readonly<{
  recordId: number;
  status: RecordEventStatus;
  data: unknown;
  /** What the event rows and the log call the cause, such as `webhook:<job id>`. */
  cause: string;
}>;

/** What became of a webhook, in a word; `queuedMessage` when the client gets one. */
export type RecordOutcome = Readonly<{ outcome: string; queuedMessage: boolean }>;

export type RecordWebhookDependencies = Readonly<{
  bookings: Bookings;
  settings: Pick<Settings, 'of'>;
  events: Pick<Events, 'record'>;
  report: Pick<BusinessEvents, 'messageQueued'>;
  /** How long changes of one booking are gathered before a message. */
  debounceMs: number;
  now: () => Date;
}>;

const attemptsAgainstRivals = 10;

type Change = Readonly<{ known: KnownBooking } | { ignored: string }>;

/** Turns record events into the booking that we know and into the messages that it still wants. */
export class RecordWebhooks {
  readonly #deps: RecordWebhookDependencies;

  constructor(dependencies: RecordWebhookDependencies) {
    this.#deps = dependencies;
  }

  /** Booking, messages and events are written in one transaction; a repeat finds nothing new and changes nothing. */
  async process(company: Company, webhook: RecordWebhook): Promise<RecordOutcome> {
    const { recordId, status, data, cause } = webhook;
    const event = { recordId, status, booking: bookingFrom(recordId, data), changedAt: lastChangeOf(data) };
    const about = { recordId, type: 'webhook_processed', cause, detail: { status } };
    return await this.#change(company, about, (last) => {
      const applied = applyEvent(event, last, this.#deps.now());
      return applied.outcome === 'ignore' ? { ignored: applied.reason } : { known: applied.known };
    });
  }

  /** Plans the messages of a booking anew: its company's rules have changed, or its client's wish. */
  async replan(company: Company, recordId: number, cause: string): Promise<RecordOutcome> {
    return await this.#change(company, { recordId, type: 'booking_replanned', cause, detail: {} }, (last) =>
      last === undefined ? { ignored: 'unknown_record' } : { known: last },
    );
  }

  async #change(
    company: Company,
    about: Readonly<{
      recordId: number;
      type: string;
      cause: string;
      detail: NonNullable<MarketplaceEvent['detail']>;
    }>,
    change: (last: KnownBooking | undefined) => Change,
  ): Promise<RecordOutcome> {
    const { bookings, settings, events, report, debounceMs, now } = this.#deps;
    const { id: companyId, timeZone } = company;
    const eventOf = (outcome: string): MarketplaceEvent => ({
      companyId,
      type: about.type,
      cause: about.cause,
      detail: { resource: 'record', record_id: about.recordId, ...about.detail, outcome },
    });
    const ignore = async (reason: string): Promise<RecordOutcome> => {
      await events.record(eventOf(reason));
      return { outcome: reason, queuedMessage: false };
    };
    if (timeZone === undefined) return await ignore('no_time_zone');
    for (let attempt = 1; attempt <= attemptsAgainstRivals; attempt += 1) {
      const last = await bookings.find(companyId, about.recordId);
      const changed = change(last);
      if ('ignored' in changed) return await ignore(changed.ignored);
      const rules = await settings.of(companyId);
      const plan = planMessages(changed.known, { settings: rules, now: now(), timeZone, debounceMs });
      const applied = await bookings.apply(companyId, {
        expectedVersion: last?.version ?? 0,
        known: settled(changed.known, plan),
        plan: plan.messages.map((message) => withText(message, changed.known, rules, company)),
        event: eventOf(plan.reason),
      });
      if (applied === 'stale') continue;
      for (const { id, kind } of applied.queued) report.messageQueued(companyId, id, kind, about.recordId);
      return { outcome: plan.reason, queuedMessage: applied.queued.length > 0 };
    }
    throw new Error(`Record ${about.recordId} kept changing under ${attemptsAgainstRivals} attempts`);
  }
}

/** News of a kind that is switched off are for the salon to tell. */
function settled(known: KnownBooking, { reason }: Plan): KnownBooking {
  const told = reason === 'switched_off' ? assumedTold(known) : known.told;
  return { ...known, told };
}

function withText(
  planned: PlannedMessage,
  { booking }: KnownBooking,
  settings: NotificationSettings,
  salon: Company,
): NewMessage {
  const { previousStartsAt, ...message } = planned;
  const text = renderMessage(planned.kind, {
    booking,
    salon,
    settings,
    ...(previousStartsAt !== undefined && { previousStartsAt }),
  });
  return { ...message, companyId: salon.id, recordId: booking.recordId, text };
}
