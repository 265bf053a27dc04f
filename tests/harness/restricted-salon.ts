import type { Message, MessageStatus, NewMessage } from '../../src/domain/notification/message.ts';
import type { CompanyId } from '../../src/domain/ids.ts';
import { Outage } from '../../src/lib/async/outage-monitor.ts';
import { PatientTasks } from '../../src/lib/async/retrying-queue.ts';
import { Outbox } from '../../src/messaging/outbox.ts';
import { RestrictionWatch } from '../../src/messaging/restriction-monitor.ts';
import { createBusinessEvents } from '../../src/observability/events.ts';
import { isOutage } from '../../src/storage/database/errors.ts';
import type { SimulatedPhone } from '../simulators/whatsapp/simulated-phone.ts';
import { SessionHost } from './session-host.ts';
import { SessionWorld } from './session-world.ts';
import { enqueued, newMessage, registeredCompany, type useStore } from './storage.ts';
import { TimeTraveller } from './time-traveller.ts';
import { waitFor } from './wait-for.ts';

type Store = ReturnType<typeof useStore>;
type Process = Readonly<{ host: SessionHost; outbox: Outbox; scope: AsyncDisposableStack }>;

/** A linked salon with its outbox and its watch on a real store, whose database's time passes when it is told to. */
export class RestrictedSalon implements AsyncDisposable {
  readonly world: SessionWorld;
  readonly companyId: CompanyId;
  readonly #store: Store;
  readonly #time: TimeTraveller;
  #process: Process | undefined;

  /** Use `open`. */
  constructor(store: Store, world: SessionWorld, companyId: CompanyId) {
    this.#store = store;
    this.world = world;
    this.companyId = companyId;
    this.#time = new TimeTraveller(store.database, companyId);
  }

  static async open(store: Store): Promise<RestrictedSalon> {
    const { id } = await registeredCompany(store.repositories);
    const salon = new RestrictedSalon(store, await SessionWorld.start(), id);
    await salon.#start().host.link(id, salon.world.salon);
    await store.repositories.companies.recordSession(id, { state: 'connected' });
    return salon;
  }

  /** Ends the process in good order and starts it again; `whileDown` is what happens in between. */
  async restart(whileDown?: () => void): Promise<void> {
    await this.#process?.scope.disposeAsync();
    whileDown?.();
    const { host } = this.#start();
    await host.manager.initializeManager();
    await host.reaches(this.companyId, 'connected');
  }

  /** A number that has written to the salon. */
  async regular(number: string): Promise<SimulatedPhone> {
    const phone = this.world.whatsapp.phone(number);
    await phone.sendText(this.world.salon.number, 'Можно на завтра?');
    await waitFor('the question of a regular', async () => {
      const known = await this.#store.database.sql.query(
        'select from contacts where company_id = $1 and phone = $2 and last_received_at is not null',
        [this.companyId, `+${number}`],
      );
      return known.length > 0;
    });
    return phone;
  }

  async says(phone: SimulatedPhone, changes: Partial<NewMessage> = {}): Promise<Message> {
    const wanted = newMessage(this.companyId, {
      phone: `+${phone.number}`,
      heedsQuietHours: false,
      recordId: 1,
      ...changes,
    });
    const message = await enqueued(this.#store.repositories.messages, wanted);
    this.#process?.outbox.wake(this.companyId);
    return message;
  }

  async reaches(message: Message, status: MessageStatus, errorCode?: string): Promise<void> {
    await waitFor(
      `the message to be ${status}`,
      async () => {
        const now = await this.#store.repositories.messages.byId(this.companyId, message.id);
        return now?.status === status && now.errorCode === errorCode;
      },
      10_000,
    );
  }

  /** How often WhatsApp was given the message, refusals included. */
  timesGiven({ whatsappMessageId }: Message): number {
    return this.world.whatsapp.log.filter(
      (event) =>
        (event.type === 'message' || event.type === 'message rejected') && event.id === whatsappMessageId,
    ).length;
  }

  async pass(ms: number): Promise<void> {
    await this.#time.pass(ms);
    this.#process?.outbox.wake(this.companyId);
  }

  /** Whatever could go has gone: a message to somebody whom WhatsApp lets the salon write to came after it. */
  async hasSaidAll(regular: SimulatedPhone): Promise<void> {
    await this.reaches(await this.says(regular), 'delivered');
  }

  async eventTypes(): Promise<string[]> {
    const events = await this.#store.repositories.events.latest(this.companyId, 100);
    return events.map(({ type }) => type).filter((type) => type.startsWith('whatsapp_restrict'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.scope.disposeAsync();
    await this.world[Symbol.asyncDispose]();
  }

  #start(): Process {
    const { repositories } = this.#store;
    const scope = new AsyncDisposableStack();
    const host = new SessionHost({
      directory: this.world.directory,
      box: this.world.box,
      leases: repositories.leases,
      owner: 'owner',
      webSocketUrl: this.world.whatsapp.url,
      timings: { lookupTimeoutMs: 2_000 },
    });
    const { log, manager: whatsapp } = host;
    const report = createBusinessEvents(log, host.metrics);
    const failed = (error: unknown): void => log.error('Gave up', { error });
    const outage = new Outage({ began: () => {}, ended: () => {} }, () => performance.now());
    const statuses = scope.use(new PatientTasks({ isOutage, outage, failed }));
    scope.use(host);
    const outbox = scope.use(
      new Outbox({
        ...repositories,
        whatsapp,
        statuses,
        report,
        pacing: 'none',
        random: Math.random,
        now: () => new Date(),
      }),
    );
    const watch = scope.use(
      new RestrictionWatch({
        restrictions: repositories.restrictions,
        whatsapp,
        statuses,
        report,
        wakeOutbox: (companyId) => outbox.wake(companyId),
        timings: { askEveryMs: 100, sweepEveryMs: 100 },
      }),
    );
    outbox.start();
    watch.start();
    whatsapp.on('received', (companyId, { phone }) =>
      statuses.run(phone, () => repositories.contacts.received(companyId, phone)),
    );
    this.#process = { host, outbox, scope };
    return this.#process;
  }
}
