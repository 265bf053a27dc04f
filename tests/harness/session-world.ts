import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { companyIdFrom } from '../../src/domain/ids.ts';
import { SecretBox } from '../../src/crypto/keyring.ts';
import type { BaileysManagerOptions } from '../../src/whatsapp/baileys-manager-options.ts';
import type { Leases } from '../../src/ports/ports.ts';
import type { QuarantiningRows } from '../../src/whatsapp/credentials/credential-store.ts';
import type { SessionTimings } from '../../src/whatsapp/timeouts.ts';
import type { WhatsAppSimulatorOptions } from '../simulators/whatsapp/options.ts';
import type { SimulatedPhone } from '../simulators/whatsapp/simulated-phone.ts';
import { WhatsAppSimulator } from '../simulators/whatsapp/whatsapp-simulator.ts';
import { LeasesInMemory } from './leases-in-memory.ts';
import { SessionHost } from './session-host.ts';

type HostChoices = Readonly<{
  owner?: string;
  box?: SecretBox;
  leases?: Leases;
  timings?: Partial<SessionTimings>;
  databaseRows?: QuarantiningRows;
}> &
  Partial<Pick<BaileysManagerOptions, 'getMessage' | 'version' | 'versionMemory' | 'latestVersion' | 'now'>>;

/** A simulated WhatsApp, a salon's phone, a client's phone, and instances of our session manager. */
export class SessionWorld implements AsyncDisposable {
  readonly company = companyIdFrom(7);
  readonly leases = new LeasesInMemory();
  readonly box = new SecretBox([{ id: 'k1', key: randomBytes(32) }]);
  readonly whatsapp: WhatsAppSimulator;
  readonly salon: SimulatedPhone;
  readonly client: SimulatedPhone;
  readonly directory: string;
  readonly #hosts: SessionHost[] = [];

  /** Use `start`. */
  constructor(whatsapp: WhatsAppSimulator, directory: string) {
    this.whatsapp = whatsapp;
    this.directory = directory;
    this.salon = whatsapp.phone('79031112233', 'Салон Роза');
    this.client = whatsapp.phone('79165550001', 'Анна');
  }

  static async start(options: WhatsAppSimulatorOptions = {}): Promise<SessionWorld> {
    const whatsapp = await WhatsAppSimulator.start({ receiptDelayMs: 100, ...options });
    return new SessionWorld(whatsapp, await mkdtemp(join(tmpdir(), 'whatsapp-sessions-')));
  }

  /** An instance on this world's sessions directory; a second one with the same owner is a restart. */
  host(choices: HostChoices = {}): SessionHost {
    const host = new SessionHost({
      directory: this.directory,
      box: this.box,
      leases: this.leases,
      owner: 'instance-a',
      webSocketUrl: this.whatsapp.url,
      ...choices,
    });
    this.#hosts.push(host);
    return host;
  }

  async linkedHost(choices: HostChoices = {}): Promise<SessionHost> {
    const host = this.host(choices);
    await host.link(this.company, this.salon);
    return host;
  }

  /** Stops an instance in good order. */
  async stop(host: SessionHost): Promise<void> {
    this.#hosts.splice(this.#hosts.indexOf(host), 1);
    await host[Symbol.asyncDispose]();
  }

  /** How often an event of this type happened at WhatsApp. */
  happened(type: WhatsAppSimulator['log'][number]['type']): number {
    return this.whatsapp.log.filter((event) => event.type === type).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host[Symbol.asyncDispose]()));
    await this.whatsapp[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true });
  }
}
