import type { SimulatedPhone } from '../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { WhatsAppSimulator } from '../../../dev-env/simulators/whatsapp/whatsapp-simulator.ts';

/** What can happen to the session of one phone. */
type Fault = Readonly<{
  name: string;
  inject: (whatsapp: WhatsAppSimulator, phone: SimulatedPhone) => void;
  /** Ends it, where it does not end by itself. */
  clear?: (whatsapp: WhatsAppSimulator, phone: SimulatedPhone) => void;
  /** It ends after some time up to this; absent: with the next fault of the phone. */
  maxDurationMs?: number;
  /** The session comes back minutes later. */
  hasSlowRecovery?: boolean;
  /** Between two of them on one phone. */
  minIntervalMs?: number;
}>;

/** Five in ten minutes stop a session, and rightly so. */
const minConflictIntervalMs = 150_000;

const slowAckMs = 6_000;

const faults: readonly Fault[] = [
  { name: 'drop', inject: (_whatsapp, phone) => phone.drop() },
  { name: '503', inject: (whatsapp, phone) => whatsapp.endStreams(phone, 503) },
  { name: '515', inject: (whatsapp, phone) => whatsapp.endStreams(phone, 515) },
  {
    name: '440',
    minIntervalMs: minConflictIntervalMs,
    inject: (whatsapp, phone) => whatsapp.endStreams(phone, 440),
  },
  { name: 'half-open', inject: (whatsapp, phone) => whatsapp.halfOpen(phone) },
  {
    name: 'deaf',
    inject: (whatsapp, phone) => whatsapp.deafen(phone),
    clear: (whatsapp, phone) => whatsapp.undeafen(phone),
  },
  {
    name: 'slow acks',
    inject: (whatsapp, phone) => whatsapp.delayAcks(slowAckMs, phone),
    clear: (whatsapp, phone) => whatsapp.delayAcks(undefined, phone),
  },
  {
    name: 'version refused',
    hasSlowRecovery: true,
    // Who cannot log in has no other fault that would end this one. Some are refused twice or three times.
    maxDurationMs: 240_000,
    inject: (whatsapp, phone) => {
      whatsapp.refuseLogins(405, {}, phone);
      phone.drop();
    },
    clear: (whatsapp, phone) => whatsapp.refuseLogins(undefined, {}, phone),
  },
];

export type SessionFaultsOptions = Readonly<{
  whatsapp: WhatsAppSimulator;
  phones: readonly SimulatedPhone[];
  random: () => number;
  /** Whether also what takes minutes to recover from. */
  includeSlow: boolean;
}>;

/** Faults at random, at most one at a time for each phone. */
export class SessionFaults {
  readonly injected = new Map<string, number>();
  readonly #options: SessionFaultsOptions;
  readonly #active = new Map<SimulatedPhone, Readonly<{ fault: Fault; endsAtMs: number }>>();
  readonly #lastInjectedAtMs = new Map<string, number>();

  constructor(options: SessionFaultsOptions) {
    this.#options = options;
  }

  /** Something happens to one of the phones; what still held there ends. */
  injectNext(): void {
    const { whatsapp, phones, random } = this.#options;
    this.#clearExpired();
    const phone = phones[Math.floor(random() * phones.length)];
    // What is on its way back already has nothing to lose.
    if (phone?.companions.some(({ connection }) => connection !== undefined) !== true) return;
    const candidates = faults.filter((one) => this.#isPossible(one, phone));
    const fault = candidates[Math.floor(random() * candidates.length)];
    if (fault === undefined) return;
    this.#clear(phone);
    fault.inject(whatsapp, phone);
    const nowMs = performance.now();
    const durationMs = fault.maxDurationMs === undefined ? Infinity : fault.maxDurationMs * random();
    this.#active.set(phone, { fault, endsAtMs: nowMs + durationMs });
    this.#lastInjectedAtMs.set(`${fault.name} ${phone.number}`, nowMs);
    this.injected.set(fault.name, (this.injected.get(fault.name) ?? 0) + 1);
  }

  clearAll(): void {
    for (const phone of this.#active.keys()) this.#clear(phone);
  }

  #clearExpired(): void {
    const nowMs = performance.now();
    for (const [phone, { endsAtMs }] of this.#active) if (nowMs >= endsAtMs) this.#clear(phone);
  }

  #isPossible({ name, hasSlowRecovery, minIntervalMs = 0 }: Fault, { number }: SimulatedPhone): boolean {
    const lastMs = this.#lastInjectedAtMs.get(`${name} ${number}`) ?? -Infinity;
    return (
      (this.#options.includeSlow || hasSlowRecovery !== true) && performance.now() >= lastMs + minIntervalMs
    );
  }

  #clear(phone: SimulatedPhone): void {
    this.#active.get(phone)?.fault.clear?.(this.#options.whatsapp, phone);
    this.#active.delete(phone);
  }
}
