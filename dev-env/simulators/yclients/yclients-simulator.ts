import { Faults, type EndpointPattern } from './faults.ts';
import { SimulatorHttpServer, type LoggedRequest } from './http-server.ts';
import { Lifecycle, type LifecycleOptions, type PaymentInput } from './lifecycle.ts';
import { marketplacePage, page } from './marketplace-page.ts';
import { PlatformApi, type Credentials } from './platform-api.ts';
import { PlatformStore } from './platform-store.ts';
import { defaultRateLimits, type RateLimits } from './rate-window.ts';
import type { BookingInput, RecordFormat, RecordStatus, SimulatedRecord } from './record.ts';
import { registrationUrl, type RedirectOptions } from './registration-redirect.ts';
import type { Reply } from './reply.ts';
import type { Owner, Salon, SalonProfile } from './salon.ts';
import { WebhookSender, type Delivery, type DeliveryOptions } from './webhook-sender.ts';

export type SimulatorOptions = Partial<Credentials> &
  Readonly<{
    port?: number;
    /** Epoch milliseconds; default the real clock. */
    now?: () => number;
  }>;

/** Settings of the application in the developer account. */
export type ApplicationSettings = Readonly<{ registrationRedirectUrl: string; callbackUrl: string }>;

export type WebhookSettings = DeliveryOptions &
  RecordFormat &
  Readonly<{
    /** Deletions arrive with `"data": []`. */
    emptyDeleteData: boolean;
  }>;

type FaultOptions = Readonly<{ times?: number }>;

const defaultOwner: Owner = {
  id: 777_001,
  name: 'Ольга Тестова',
  email: 'olga@example.com',
  phone: '79001112233',
};
const defaultWebhooks: WebhookSettings = {
  delayMs: 0,
  timeoutMs: 10_000,
  retry: 'none',
  retryDelayMs: 1500,
  copies: 1,
  flags: 'int',
  emptyDeleteData: false,
};

/** YCLIENTS on a loopback port: its marketplace, its API and its webhooks, as strict as the vendor. */
export class YclientsSimulator implements AsyncDisposable {
  readonly credentials: Credentials;
  readonly #now: () => number;
  readonly #store = new PlatformStore();
  readonly #faults = new Faults();
  readonly #sender: WebhookSender;
  readonly #lifecycle: Lifecycle;
  readonly #httpServer: SimulatorHttpServer;
  #application: ApplicationSettings | undefined;
  #webhooks = defaultWebhooks;
  #rates = defaultRateLimits;
  #url = '';

  static async start(options: SimulatorOptions = {}): Promise<YclientsSimulator> {
    const simulator = new YclientsSimulator(options);
    simulator.#url = `http://127.0.0.1:${await simulator.#httpServer.listen(options.port ?? 0)}`;
    return simulator;
  }

  private constructor(options: SimulatorOptions) {
    this.#now = options.now ?? (() => Date.now());
    this.credentials = {
      partnerToken: options.partnerToken ?? 'sim_partner_token_0001',
      userToken: options.userToken ?? 'sim_user_token_0001',
      applicationId: options.applicationId ?? 4242,
    };
    this.#sender = new WebhookSender(() => this.#webhooks);
    this.#lifecycle = new Lifecycle(
      this.credentials,
      this.#now,
      async (body) => await this.#sender.post({ url: this.#settings().callbackUrl, body }),
    );
    const api = new PlatformApi(this.#store, this.credentials, this.#now, {
      form: () => this.#webhooks,
      changed: (record) => this.#sendWebhook(record, 'update'),
    });
    this.#httpServer = new SimulatorHttpServer({
      now: this.#now,
      rates: () => this.#rates,
      faults: this.#faults,
      api: (request) => api.answer(request),
      pages: (method, path) => this.#page(method, path),
    });
  }

  /** Base of the API and of the marketplace pages, without a slash at the end. */
  get url(): string {
    return this.#url;
  }

  get requests(): readonly LoggedRequest[] {
    return this.#httpServer.requests;
  }

  get deliveries(): readonly Delivery[] {
    return this.#sender.deliveries;
  }

  setApplication(settings: ApplicationSettings): void {
    this.#application = settings;
  }

  addSalon(profile: SalonProfile): Salon {
    return this.#store.addSalon(profile);
  }

  salon(id: number): Salon {
    const salon = this.#store.findSalon(id);
    if (salon === undefined) throw new Error(`There is no salon ${id}`);
    return salon;
  }

  /** The page with "Подключить". */
  marketplaceUrl(salonId: number): string {
    return `${this.#url}/marketplace-app/${salonId}`;
  }

  /** Gives the owner's consent. @returns the URL that the browser is redirected to */
  pressConnect(salonIds: number | readonly number[], options?: RedirectOptions): URL {
    const salons = [salonIds].flat().map((id) => this.salon(id));
    for (const salon of salons) salon.consent(this.#now());
    const owner = salons[0]?.profile.owner ?? defaultOwner;
    const { registrationRedirectUrl } = this.#settings();
    return registrationUrl(registrationRedirectUrl, salonIds, owner, this.credentials.partnerToken, options);
  }

  book(salonId: number, input: BookingInput): SimulatedRecord {
    const record = this.#store.addRecord(this.salon(salonId), input, this.#now());
    this.#sendWebhook(record, 'create');
    return record;
  }

  change(recordId: number, changes: Partial<BookingInput>): void {
    const record = this.record(recordId);
    record.change(changes, this.#now());
    this.#sendWebhook(record, 'update');
  }

  markAttendance(recordId: number, attendance: -1 | 0 | 1 | 2): void {
    const record = this.record(recordId);
    record.setAttendance(attendance, this.#now());
    this.#sendWebhook(record, 'update');
  }

  cancel(recordId: number): void {
    const record = this.record(recordId);
    record.cancel(this.#now());
    this.#sendWebhook(record, 'delete');
  }

  record(id: number): SimulatedRecord {
    const record = this.#store.findRecord(id);
    if (record === undefined) throw new Error(`There is no record ${id}`);
    return record;
  }

  /** With another `partnerToken` the webhook is a forgery and changes nothing here; null omits the token. */
  uninstall(salonId: number, options?: LifecycleOptions): Promise<Delivery> {
    return this.#lifecycle.uninstall(this.salon(salonId), options);
  }

  freeze(salonId: number, options?: LifecycleOptions): Promise<Delivery> {
    return this.#lifecycle.freeze(this.salon(salonId), options);
  }

  pay(salonId: number, payment: PaymentInput, options?: LifecycleOptions): Promise<Delivery> {
    return this.#lifecycle.pay(this.salon(salonId), payment, options);
  }

  configureWebhooks(settings: Partial<WebhookSettings>): void {
    this.#webhooks = { ...this.#webhooks, ...settings };
  }

  /** Holds back the next `count` webhooks and delivers them in reverse order. */
  reverseNextWebhooks(count: number): void {
    this.#sender.reverseNext(count);
  }

  /** Resolves when no webhook is in flight. */
  async waitForWebhooks(): Promise<void> {
    await this.#sender.waitUntilIdle();
  }

  limitRates(rates: Partial<RateLimits>): void {
    this.#rates = { ...this.#rates, ...rates };
  }

  refuse(
    endpoint: EndpointPattern,
    status: number,
    options: FaultOptions & Readonly<{ body?: unknown; headers?: Readonly<Record<string, string>> }> = {},
  ): void {
    const { body = { success: false, data: null, meta: { message: 'Simulated.' } }, headers = {} } = options;
    this.#faults.schedule(endpoint, { kind: 'refuse', status, body, headers }, options.times);
  }

  delay(endpoint: EndpointPattern, delayMs: number, options: FaultOptions = {}): void {
    this.#faults.schedule(endpoint, { kind: 'delay', delayMs }, options.times);
  }

  /** Never answers. */
  hang(endpoint: EndpointPattern, options: FaultOptions = {}): void {
    this.#faults.schedule(endpoint, { kind: 'hang' }, options.times);
  }

  html(endpoint: EndpointPattern, options: FaultOptions & Readonly<{ status?: number }> = {}): void {
    this.#faults.schedule(endpoint, { kind: 'html', status: options.status ?? 200 }, options.times);
  }

  cutJson(endpoint: EndpointPattern, options: FaultOptions = {}): void {
    this.#faults.schedule(endpoint, { kind: 'cut-json' }, options.times);
  }

  redirect(endpoint: EndpointPattern, location: string, options: FaultOptions = {}): void {
    this.#faults.schedule(endpoint, { kind: 'redirect', location }, options.times);
  }

  /** Performs the request, then closes the connection without a response. */
  dropResponse(endpoint: EndpointPattern, options: FaultOptions = {}): void {
    this.#faults.schedule(endpoint, { kind: 'lose-answer' }, options.times);
  }

  /** Ends all faults and webhook switches. */
  restore(): void {
    this.#faults.clear();
    this.#webhooks = defaultWebhooks;
    this.#rates = defaultRateLimits;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sender.close();
    await this.#httpServer.close();
    await this.#sender.waitUntilIdle();
  }

  #sendWebhook(record: SimulatedRecord, status: RecordStatus): void {
    const { salon } = record;
    if (salon.status !== 'active') return;
    const empty = status === 'delete' && this.#webhooks.emptyDeleteData;
    const data = empty ? [] : record.body(this.#webhooks);
    const body = { company_id: salon.id, resource: 'record', resource_id: record.id, status, data };
    for (const url of salon.activation.webhookUrls) this.#sender.send({ url, body });
  }

  #settings(): ApplicationSettings {
    if (this.#application === undefined) throw new Error('Call setApplication first');
    return this.#application;
  }

  async #page(method: string, path: string): Promise<Reply> {
    const [, id, action] = /^\/marketplace-app\/(\d+)(?:\/(connect|disconnect))?$/.exec(path) ?? [];
    const salon = this.#store.findSalon(Number(id));
    if (salon === undefined) return { status: 404, body: page('Страница не найдена', '') };
    if (method === 'GET' && action === undefined) return { status: 200, body: marketplacePage(salon) };
    if (method !== 'POST' || action === undefined) return { status: 405, body: page('Нельзя', '') };
    if (action === 'connect') return seeOther(this.pressConnect(salon.id).href);
    if (salon.status !== 'uninstalled') await this.uninstall(salon.id);
    return seeOther(`/marketplace-app/${salon.id}`);
  }
}

function seeOther(location: string): Reply {
  return { status: 303, body: '', headers: { location } };
}
