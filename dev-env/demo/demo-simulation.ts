import { DateTime } from 'luxon';
import { changeSettings } from '../clients/linked-salon.ts';
import { companyIdFromToken } from '../clients/test-clients.ts';
import { clientNumber, demoSalon, ownerNumber, type Stack } from '../network.ts';
import type { SimulatedPhone } from '../simulators/whatsapp/phone/simulated-phone.ts';
import type { Delivery } from '../simulators/yclients/webhook-sender.ts';
import type { BookingState, ChatMessage, DemoState, Ticks } from './demo-state.ts';
import { ServerStatusPoller } from './server-status-poller.ts';

const staff = ['Марина', 'Елена', 'Дарья'] as const;
const startFormat = 'yyyy-MM-dd HH:mm:ss';

export type NewBooking = Readonly<{
  name: string;
  phone: string;
  service: string;
  staff: string;
  /** Local time of the salon, `YYYY-MM-DD HH:mm:ss`. */
  start: string;
}>;

/** Names of the two phones. */
export type Person = 'owner' | 'client';

type Reply = Readonly<{ id: string; text: string; at: Date }>;

/** Actions and state of the salon's owner, a client and the platform around the server. */
export class DemoSimulation {
  readonly #stack: Stack;
  readonly #poller: ServerStatusPoller;
  readonly #phones: Readonly<Record<Person, SimulatedPhone>>;
  readonly #offline = new Set<Person>();
  readonly #read = new Set<string>();
  readonly #replies: Reply[] = [];
  readonly #recordIds: number[] = [];

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#poller = new ServerStatusPoller(stack.url);
    this.#phones = {
      owner: stack.whatsapp.phone(ownerNumber, 'Ольга'),
      client: stack.whatsapp.phone(clientNumber, 'Анна'),
    };
  }

  /** Follows the browser: a connect page carries its company's token in the fragment. */
  handleRedirect(location: string): void {
    const fragment = new URLSearchParams(URL.parse(location)?.hash.slice(1));
    const token = fragment.get('token');
    if (token === null) return;
    this.#poller.companyId = companyIdFromToken(token);
    // The demo sends messages at night too.
    changeSettings(this.#stack, token, { quiet_hours: null }).catch((error: unknown) => console.error(error));
  }

  async refresh(): Promise<void> {
    await this.#poller.refresh();
  }

  /** @throws Error when the phone or the device refuses */
  async scan(qrText: string): Promise<void> {
    await this.#phones.owner.scan(qrText);
  }

  removeDevices(): void {
    const { owner } = this.#phones;
    for (const id of owner.linkedDevices) owner.removeDevice(id);
  }

  setOnline(person: Person, online: boolean): void {
    if (online) {
      this.#offline.delete(person);
      this.#phones[person].goOnline();
    } else {
      this.#offline.add(person);
      this.#phones[person].goOffline();
    }
  }

  book({ name, phone, ...booking }: NewBooking): void {
    const record = this.#stack.yclients.book(demoSalon.id, {
      ...booking,
      client: { name, phone },
      online: true,
    });
    this.#recordIds.push(record.id);
  }

  moveByDay(recordId: number): void {
    const { yclients } = this.#stack;
    const start = DateTime.fromFormat(yclients.record(recordId).start, startFormat, { zone: 'utc' });
    yclients.change(recordId, { start: start.plus({ days: 1 }).toFormat(startFormat) });
  }

  markCame(recordId: number): void {
    this.#stack.yclients.markAttendance(recordId, 1);
  }

  cancel(recordId: number): void {
    this.#stack.yclients.cancel(recordId);
  }

  /** The client opens the chat. */
  openChat(): void {
    const { client } = this.#phones;
    for (const { id } of client.inbox.filter((message) => !this.#read.has(message.id))) {
      client.markRead(id);
      this.#read.add(id);
    }
  }

  async reply(text: string): Promise<void> {
    const id = await this.#phones.client.sendText(ownerNumber, text);
    this.#replies.push({ id, text, at: new Date() });
  }

  get state(): DemoState {
    const { yclients } = this.#stack;
    const { owner, client } = this.#phones;
    const ticks = this.#ticks();
    return {
      marketplaceUrl: yclients.marketplaceUrl(demoSalon.id),
      salon: {
        title: demoSalon.title,
        status: yclients.salon(demoSalon.id).status,
        services: demoSalon.services,
        staff,
      },
      server: this.#poller.state,
      owner: {
        number: owner.number,
        online: !this.#offline.has('owner'),
        linkedDevices: owner.linkedDevices,
        chat: chat(owner.sentFromCompanions, owner.inbox, ticks),
      },
      client: {
        number: client.number,
        online: !this.#offline.has('client'),
        chat: chat(this.#replies, client.inbox, ticks),
      },
      bookings: this.#recordIds.map((id) => this.#booking(id)).toReversed(),
    };
  }

  #booking(id: number): BookingState {
    const record = this.#stack.yclients.record(id);
    const { client, services, staff: master, attendance } = record.body({ flags: 'int' });
    const delivery = this.#stack.yclients.deliveries.findLast((sent) => webhookRecordId(sent) === id);
    return {
      id,
      start: record.start,
      client: client?.name ?? '',
      service: services.map(({ title }) => title).join(', '),
      staff: master?.name ?? '',
      came: attendance === 1,
      cancelled: record.deleted,
      webhook: delivery === undefined ? null : toWebhookState(delivery),
    };
  }

  /** Delivery state of each message, from the simulator's log. */
  #ticks(): Map<string, Ticks> {
    const ticks = new Map<string, Ticks>();
    for (const event of this.#stack.whatsapp.log) {
      if (event.type === 'message' && !ticks.has(event.id)) ticks.set(event.id, 'sent');
      if (event.type !== 'receipt' || ticks.get(event.id) === 'read') continue;
      if (event.kind === 'delivered' || event.kind === 'read') ticks.set(event.id, event.kind);
    }
    return ticks;
  }
}

function chat(sent: readonly Reply[], received: readonly Reply[], ticks: Map<string, Ticks>): ChatMessage[] {
  const entries = [
    ...sent.map((one) => ({ ...one, mine: true })),
    ...received.map((one) => ({ ...one, mine: false })),
  ];
  return entries
    .sort((one, other) => one.at.getTime() - other.at.getTime())
    .map(({ id, text, at, mine }) => ({
      id,
      text,
      at: at.toISOString(),
      mine,
      ticks: ticks.get(id) ?? 'sent',
    }));
}

function webhookRecordId({ body }: Delivery): unknown {
  return typeof body === 'object' && body !== null && 'resource_id' in body ? body.resource_id : undefined;
}

function toWebhookState({ body, status, durationMs }: Delivery): BookingState['webhook'] {
  const event = typeof body === 'object' && body !== null && 'status' in body ? String(body.status) : '';
  return { event, status: status ?? null, durationMs: Math.round(durationMs) };
}
