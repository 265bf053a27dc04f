import {
  assumedNotified,
  type BookingTransition,
  type RecordEventStatus,
  reduceBooking,
} from '../../domain/booking/booking-events.ts';
import type { BookingState } from '../../domain/booking/booking.ts';
import { bookingFrom, lastChangeFrom } from '../../domain/booking/yclients-record.ts';
import type { Company } from '../../domain/company/company.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { NewMessage } from '../../domain/notification/message.ts';
import { type Plan, type PlannedMessage, planMessages } from '../../domain/notification/notification-plan.ts';
import type { NotificationSettings } from '../../domain/notification/settings.ts';
import { renderMessage } from '../../messaging/templates/render.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Bookings } from '../../ports/bookings.ts';
import type { Events, MarketplaceEvent } from '../../ports/events.ts';
import type { Settings } from '../../ports/messages.ts';

/** A record event with the record as YCLIENTS sent it. */
export type RawRecordEvent = Readonly<{
  recordId: number;
  status: RecordEventStatus;
  data: unknown;
  /** Cause recorded in events, such as `webhook:<job id>`. */
  cause: string;
}>;

/** `outcome`: reason of the plan, or why the change was ignored. */
export type BookingSyncResult = Readonly<{ outcome: string; queuedMessage: boolean }>;

export type BookingSyncDeps = Readonly<{
  bookings: Bookings;
  settings: Pick<Settings, 'get'>;
  events: Pick<Events, 'record'>;
  report: Pick<BusinessEvents, 'messageQueued'>;
  debounceMs: number;
  now: () => Date;
}>;

/** Attempts of the optimistic write: concurrent events of one record conflict on its version. */
const maxAttempts = 10;

type Transition = BookingTransition | Readonly<{ outcome: 'ignore'; reason: 'unknown_record' }>;

/** Fields of the marketplace event of an update that do not depend on its outcome. */
type EventFields = Readonly<{
  recordId: number;
  type: string;
  cause: string;
  detail: NonNullable<MarketplaceEvent['detail']>;
}>;

/** Applies record events to the stored booking and to its queued messages. */
export class BookingSync {
  readonly #deps: BookingSyncDeps;

  constructor(deps: BookingSyncDeps) {
    this.#deps = deps;
  }

  /** Idempotent. Booking, messages and event are written in one transaction. */
  async apply(
    company: Company,
    { recordId, status, data, cause }: RawRecordEvent,
  ): Promise<BookingSyncResult> {
    const recordEvent = {
      recordId,
      status,
      booking: bookingFrom(recordId, data),
      changedAt: lastChangeFrom(data),
    };
    const eventFields = { recordId, type: 'webhook_processed', cause, detail: { status } };
    return await this.#update(company, eventFields, (last) =>
      reduceBooking(recordEvent, last, this.#deps.now()),
    );
  }

  /** Recomputes the messages of a booking after a change of the settings or of the client's opt-out. */
  async replan(company: Company, recordId: number, cause: string): Promise<BookingSyncResult> {
    const eventFields = { recordId, type: 'booking_replanned', cause, detail: {} };
    return await this.#update(company, eventFields, (last) =>
      last === undefined
        ? { outcome: 'ignore', reason: 'unknown_record' }
        : { outcome: 'store', state: last },
    );
  }

  async #update(
    company: Company,
    eventFields: EventFields,
    transitionFrom: (last: BookingState | undefined) => Transition,
  ): Promise<BookingSyncResult> {
    const { bookings, settings: settingsRepository, report, debounceMs, now } = this.#deps;
    const { id: companyId, timeZone } = company;
    const { recordId } = eventFields;
    if (timeZone === undefined) return await this.#ignore(companyId, eventFields, 'no_time_zone');
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      const last = await bookings.find(companyId, recordId);
      const transition = transitionFrom(last);
      if (transition.outcome === 'ignore')
        return await this.#ignore(companyId, eventFields, transition.reason);
      const { state } = transition;
      const settings = await settingsRepository.get(companyId);
      const plan = planMessages(state, { settings, now: now(), timeZone, debounceMs });
      const saved = await bookings.apply(companyId, {
        expectedVersion: last?.version ?? 0,
        state: assumeNotifiedIfDisabled(state, plan),
        plan: plan.messages.map((message) => toNewMessage(message, state, settings, company)),
        event: toMarketplaceEvent(companyId, eventFields, plan.reason),
      });
      if (saved === 'stale') continue;
      for (const { id, kind } of saved.queued) report.messageQueued(companyId, id, kind, recordId);
      return { outcome: plan.reason, queuedMessage: saved.queued.length > 0 };
    }
    throw new Error(`Record ${recordId} was changed concurrently in ${maxAttempts} attempts`);
  }

  async #ignore(companyId: CompanyId, eventFields: EventFields, reason: string): Promise<BookingSyncResult> {
    await this.#deps.events.record(toMarketplaceEvent(companyId, eventFields, reason));
    return { outcome: reason, queuedMessage: false };
  }
}

function toMarketplaceEvent(
  companyId: CompanyId,
  { recordId, type, cause, detail }: EventFields,
  outcome: string,
): MarketplaceEvent {
  return { companyId, type, cause, detail: { resource: 'record', record_id: recordId, ...detail, outcome } };
}

/** The salon notifies the client itself of a kind that is switched off, so that switching it on sends nothing late. */
function assumeNotifiedIfDisabled(state: BookingState, { reason }: Plan): BookingState {
  const notified = reason === 'switched_off' ? assumedNotified(state) : state.notified;
  return { ...state, notified };
}

function toNewMessage(
  planned: PlannedMessage,
  { booking }: BookingState,
  settings: NotificationSettings,
  company: Company,
): NewMessage {
  const { previousStartsAt, ...message } = planned;
  const text = renderMessage(planned.kind, {
    booking,
    salon: company,
    settings,
    ...(previousStartsAt !== undefined && { previousStartsAt }),
  });
  return { ...message, companyId: company.id, recordId: booking.recordId, text };
}
