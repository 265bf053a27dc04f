import { DateTime } from 'luxon';
import type { Booking } from '../../src/domain/booking/booking.ts';
import type { Company } from '../../src/domain/company/company.ts';
import type { Lease } from '../../src/ports/ports.ts';
import { booking, knownBooking } from './bookings.ts';
import { claimed, enqueued, newCompany, newMessage, type Repositories } from './storage.ts';

const leaseMs = 60 * 60_000;

/** Where the clock of the salon differs from that of any database. */
export const timeZone = 'Asia/Vladivostok';
export const { clientPhone: phone = '' } = booking();

/** A salon whose client has been reminded of visits. */
export class RemindedSalon {
  readonly company: Company;
  readonly #repositories: Repositories;
  readonly #lease: Lease;

  static async open(repositories: Repositories): Promise<RemindedSalon> {
    const { companies, leases } = repositories;
    const { company } = await companies.createOrFind(newCompany({ timeZone }));
    const lease = await leases.acquire(company.id, 'owner', leaseMs);
    if (lease === undefined) throw new Error('No lease');
    return new RemindedSalon(repositories, company, lease);
  }

  constructor(repositories: Repositories, company: Company, lease: Lease) {
    this.#repositories = repositories;
    this.company = company;
    this.#lease = lease;
  }

  /** The reminder of a visit, tomorrow unless told otherwise, is with WhatsApp. */
  async remind(changes: Partial<Booking>): Promise<Readonly<{ id: string; whatsappMessageId: string }>> {
    const { bookings, messages } = this.#repositories;
    const { id } = this.company;
    const known = knownBooking({ startsAt: inHours(24), ...changes });
    const { recordId } = known.booking;
    await bookings.apply(id, {
      expectedVersion: 0,
      known,
      plan: [],
      event: { companyId: id, type: 'webhook_processed', cause: 'webhook:1' },
    });
    const reminder = await enqueued(messages, newMessage(id, { kind: 'reminder_24h', phone, recordId }));
    // What waits before it goes first.
    while (reminder.id !== (await this.#handOver())) continue;
    return reminder;
  }

  async #handOver(): Promise<string> {
    const { messages } = this.#repositories;
    const message = await claimed(messages, this.#lease);
    if (message === undefined) throw new Error('The reminder should go');
    await messages.handedOver(this.#lease, message.id);
    return message.id;
  }
}

/** By the clock of the salon. */
export function inHours(hours: number): string {
  return DateTime.now().setZone(timeZone).plus({ hours }).toFormat('yyyy-MM-dd HH:mm:ss');
}
