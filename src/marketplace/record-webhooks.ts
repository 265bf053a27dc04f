import { decide, type RecordEventStatus } from '../domain/booking-change.ts';
import type { Company } from '../domain/company.ts';
import { bookingFrom, lastChangeOf } from '../domain/record.ts';
import { instantOf } from '../domain/salon-time.ts';
import type { NewMessage } from '../domain/message.ts';
import { renderMessage } from '../messaging/templates.ts';
import type { Bookings, Events, MarketplaceEvent } from './ports.ts';

export type RecordWebhook = Readonly<{
  recordId: number;
  status: RecordEventStatus;
  data: unknown;
  /** What the event rows and the log call the cause, such as `webhook:<job id>`. */
  cause: string;
}>;

/** What became of a webhook, in a word; `queuedMessage` when the client gets one. */
export type RecordOutcome = Readonly<{ outcome: string; queuedMessage: boolean }>;

const attemptsAgainstRivals = 5;

/** Turns record webhooks into the booking that we know and, where it is worth a word, into a message to the client. */
export class RecordWebhooks {
  readonly #bookings: Bookings;
  readonly #events: Events;
  readonly #now: () => Date;

  constructor(dependencies: Readonly<{ bookings: Bookings; events: Events; now: () => Date }>) {
    this.#bookings = dependencies.bookings;
    this.#events = dependencies.events;
    this.#now = dependencies.now;
  }

  /** Booking, message and event are written in one transaction; a repeat finds nothing new and changes nothing. */
  async process(company: Company, webhook: RecordWebhook): Promise<RecordOutcome> {
    const { timeZone } = company;
    if (timeZone === undefined) return await this.#ignore(company, webhook, 'no_time_zone');
    const event = {
      status: webhook.status,
      booking: bookingFrom(webhook.recordId, webhook.data),
      changedAt: lastChangeOf(webhook.data),
    };
    for (let attempt = 1; attempt <= attemptsAgainstRivals; attempt += 1) {
      const known = await this.#bookings.find(company.id, webhook.recordId);
      const decision = decide(event, known, ({ startsAt }) => instantOf(startsAt, timeZone), this.#now());
      if (decision.outcome === 'ignore') return await this.#ignore(company, webhook, decision.reason);

      const expectedVersion = known?.version ?? 0;
      const { booking, announced, notify } = decision;
      const message: NewMessage | undefined =
        notify === undefined || booking.clientPhone === undefined
          ? undefined
          : {
              companyId: company.id,
              kind: notify,
              // The version makes a booking that moves back and forth say so each time, and a repeat silent.
              idempotencyKey: `record:${webhook.recordId}:${notify}:${expectedVersion + 1}`,
              phone: booking.clientPhone,
              text: renderMessage(notify, booking, company),
              recordId: webhook.recordId,
              expiresAt: instantOf(booking.startsAt, timeZone),
            };
      const applied = await this.#bookings.apply(company.id, {
        expectedVersion,
        booking,
        announced,
        event: eventOf(company, webhook, decision.reason),
        ...(message !== undefined && { message }),
      });
      if (applied === 'applied') return { outcome: decision.reason, queuedMessage: message !== undefined };
    }
    throw new Error(`Record ${webhook.recordId} kept changing under ${attemptsAgainstRivals} attempts`);
  }

  async #ignore(company: Company, webhook: RecordWebhook, reason: string): Promise<RecordOutcome> {
    await this.#events.record(eventOf(company, webhook, reason));
    return { outcome: reason, queuedMessage: false };
  }
}

function eventOf(company: Company, webhook: RecordWebhook, outcome: string): MarketplaceEvent {
  return {
    companyId: company.id,
    type: 'webhook_processed',
    cause: webhook.cause,
    detail: { resource: 'record', record_id: webhook.recordId, status: webhook.status, outcome },
  };
}
