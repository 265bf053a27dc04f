import type { SimulatedPhone } from '../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { WhatsAppSimulator } from '../../../dev-env/simulators/whatsapp/whatsapp-simulator.ts';

/** A fault of one phone's session. */
type Fault = Readonly<{
  name: string;
  inject: (whatsapp: WhatsAppSimulator, phone: SimulatedPhone) => void;
  /** Ends the fault; absent when it ends by itself. */
  clear?: (whatsapp: WhatsAppSimulator, phone: SimulatedPhone) => void;
  /** Maximum duration, random below it; absent: until the phone's next fault. */
  maxDurationMs?: number;
  /** The session needs minutes to recover. */
  hasSlowRecovery?: boolean;
  /** Minimum interval on one phone. */
  minIntervalMs?: number;
}>;

/** Five in ten minutes stop a session by design (flapping). */
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
    // A phone that cannot log in gets no other fault that would end this one. Some logins are refused two or three times.
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
  /** Includes the faults with `hasSlowRecovery`. */
  includeSlow: boolean;
}>;

/** Injects random faults, at most one at a time per phone. */
export class SessionFaults {
  readonly injected = new Map<string, number>();
  readonly #options: SessionFaultsOptions;
  readonly #active = new Map<SimulatedPhone, Readonly<{ fault: Fault; endsAtMs: number }>>();
  readonly #lastInjectedAtMs = new Map<string, number>();

  constructor(options: SessionFaultsOptions) {
    this.#options = options;
  }

  /** Injects a fault into a random phone and ends its previous one. */
  injectNext(): void {
    const { whatsapp, phones, random } = this.#options;
    this.#clearExpired();
    const phone = phones[Math.floor(random() * phones.length)];
    // A session that is reconnecting already would not notice the fault.
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
