import type { SimulatedPhone } from '../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { WhatsAppSimulator } from '../../../dev-env/simulators/whatsapp/whatsapp-simulator.ts';

/** What can happen to the session of one phone. */
type Fault = Readonly<{
  name: string;
  inflict: (whatsapp: WhatsAppSimulator, phone: SimulatedPhone) => void;
  /** Ends it, where it does not end by itself. */
  heal?: (whatsapp: WhatsAppSimulator, phone: SimulatedPhone) => void;
  /** It ends after some time up to this; absent: with the next fault of the phone. */
  lastsMs?: number;
  /** The session comes back minutes later. */
  isSlow?: boolean;
  /** Between two of them on one phone. */
  atLeastApartMs?: number;
}>;

/** Five in ten minutes stop a session, and rightly so. */
const betweenConflictsMs = 150_000;

const slowAckMs = 6_000;

const faults: readonly Fault[] = [
  { name: 'drop', inflict: (_whatsapp, phone) => phone.drop() },
  { name: '503', inflict: (whatsapp, phone) => whatsapp.endStreams(phone, 503) },
  { name: '515', inflict: (whatsapp, phone) => whatsapp.endStreams(phone, 515) },
  {
    name: '440',
    atLeastApartMs: betweenConflictsMs,
    inflict: (whatsapp, phone) => whatsapp.endStreams(phone, 440),
  },
  { name: 'half-open', inflict: (whatsapp, phone) => whatsapp.halfOpen(phone) },
  {
    name: 'deaf',
    inflict: (whatsapp, phone) => whatsapp.deafen(phone),
    heal: (whatsapp, phone) => whatsapp.undeafen(phone),
  },
  {
    name: 'slow acks',
    inflict: (whatsapp, phone) => whatsapp.delayAcks(slowAckMs, phone),
    heal: (whatsapp, phone) => whatsapp.delayAcks(undefined, phone),
  },
  {
    name: 'version refused',
    isSlow: true,
    // Who cannot log in has no other fault that would end this one. Some are refused twice or three times.
    lastsMs: 240_000,
    inflict: (whatsapp, phone) => {
      whatsapp.refuseLogins(405, {}, phone);
      phone.drop();
    },
    heal: (whatsapp, phone) => whatsapp.refuseLogins(undefined, {}, phone),
  },
];

export type SessionFaultsOptions = Readonly<{
  whatsapp: WhatsAppSimulator;
  phones: readonly SimulatedPhone[];
  random: () => number;
  /** Whether also what takes minutes to recover from. */
  withSlow: boolean;
}>;

/** Faults at random, at most one at a time for each phone. */
export class SessionFaults {
  readonly inflicted = new Map<string, number>();
  readonly #options: SessionFaultsOptions;
  readonly #unhealed = new Map<SimulatedPhone, Readonly<{ fault: Fault; endsAtMs: number }>>();
  readonly #lastMs = new Map<string, number>();

  constructor(options: SessionFaultsOptions) {
    this.#options = options;
  }

  /** Something happens to one of the phones; what still held there ends. */
  next(): void {
    const { whatsapp, phones, random } = this.#options;
    this.#healOver();
    const phone = phones[Math.floor(random() * phones.length)];
    // What is on its way back already has nothing to lose.
    if (phone?.companions.some(({ connection }) => connection !== undefined) !== true) return;
    const possible = faults.filter((one) => this.#isPossible(one, phone));
    const fault = possible[Math.floor(random() * possible.length)];
    if (fault === undefined) return;
    this.#heal(phone);
    fault.inflict(whatsapp, phone);
    const nowMs = performance.now();
    const lastsMs = fault.lastsMs === undefined ? Infinity : fault.lastsMs * random();
    this.#unhealed.set(phone, { fault, endsAtMs: nowMs + lastsMs });
    this.#lastMs.set(`${fault.name} ${phone.number}`, nowMs);
    this.inflicted.set(fault.name, (this.inflicted.get(fault.name) ?? 0) + 1);
  }

  healAll(): void {
    for (const phone of this.#unhealed.keys()) this.#heal(phone);
  }

  #healOver(): void {
    const nowMs = performance.now();
    for (const [phone, { endsAtMs }] of this.#unhealed) if (nowMs >= endsAtMs) this.#heal(phone);
  }

  #isPossible({ name, isSlow, atLeastApartMs = 0 }: Fault, { number }: SimulatedPhone): boolean {
    const lastMs = this.#lastMs.get(`${name} ${number}`) ?? -Infinity;
    return (this.#options.withSlow || isSlow !== true) && performance.now() >= lastMs + atLeastApartMs;
  }

  #heal(phone: SimulatedPhone): void {
    this.#unhealed.get(phone)?.fault.heal?.(this.#options.whatsapp, phone);
    this.#unhealed.delete(phone);
  }
}
