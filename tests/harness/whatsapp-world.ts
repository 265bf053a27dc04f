import { quietLibsignal } from '../simulators/whatsapp/quiet-libsignal.ts';
import type { SimulatedPhone } from '../simulators/whatsapp/simulated-phone.ts';
import { WhatsAppSimulator } from '../simulators/whatsapp/whatsapp-simulator.ts';
import { BaileysClient } from './baileys-client.ts';
import { waitFor } from './wait-for.ts';

type ClientOptions = ConstructorParameters<typeof BaileysClient>[1];

/** A simulated WhatsApp with two people on it, and Baileys clients to link. Use with `await using`. */
export class WhatsAppWorld implements AsyncDisposable {
  readonly whatsapp: WhatsAppSimulator;
  /** Whose account gets linked. */
  readonly owner: SimulatedPhone;
  /** Whom the owner writes to. */
  readonly guest: SimulatedPhone;
  readonly #clock: { offsetMs: number };
  readonly #clients: BaileysClient[] = [];
  readonly #quiet = quietLibsignal();

  /** Use `start`. */
  constructor(whatsapp: WhatsAppSimulator, clock: { offsetMs: number }) {
    this.whatsapp = whatsapp;
    this.owner = whatsapp.phone('79990000001');
    this.guest = whatsapp.phone('79990000002');
    this.#clock = clock;
  }

  static async start(): Promise<WhatsAppWorld> {
    const clock = { offsetMs: 0 };
    const now = (): number => Date.now() + clock.offsetMs;
    return new WhatsAppWorld(await WhatsAppSimulator.start({ now, receiptDelayMs: 100 }), clock);
  }

  get guestJid(): string {
    return `${this.guest.number}@s.whatsapp.net`;
  }

  /** Only the server's clock moves. */
  advanceClock(byMs: number): void {
    this.#clock.offsetMs += byMs;
  }

  /** With `from`, a client with the credentials of another one. */
  newClient(options: ClientOptions = {}, from?: BaileysClient): BaileysClient {
    const client = new BaileysClient(this.whatsapp.url, options, from);
    this.#clients.push(client);
    return client;
  }

  async linkedClient(options: ClientOptions = {}): Promise<BaileysClient> {
    const client = this.newClient(options);
    await client.linkTo(this.owner);
    return client;
  }

  /** Ends a client without logging out, and waits until the server has noticed. */
  async leave(client: BaileysClient): Promise<void> {
    const gone = (): number => this.happened('disconnected');
    const before = gone();
    client[Symbol.dispose]();
    await waitFor('the server to notice', () => gone() > before);
  }

  /** How often an event of this type was logged. */
  happened(type: WhatsAppSimulator['log'][number]['type']): number {
    return this.whatsapp.log.filter((event) => event.type === type).length;
  }

  /** Throws when the simulator met anything that it does not understand. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client[Symbol.dispose]();
    await this.whatsapp[Symbol.asyncDispose]();
    this.#quiet[Symbol.dispose]();
    const surprises = this.whatsapp.log.filter(({ type }) => type === 'error' || type === 'unknown query');
    if (surprises.length > 0) throw new Error(`The simulator was surprised: ${JSON.stringify(surprises)}`);
  }
}
