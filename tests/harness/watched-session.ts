import type { MarketplaceEvent } from '../../src/ports/ports.ts';
import { every } from '../../src/lib/async/every.ts';
import { createBusinessEvents } from '../../src/observability/events.ts';
import type { DeafnessTimings } from '../../src/whatsapp/watchdog/watchdog-policy.ts';
import { DeafnessWatch } from '../../src/whatsapp/watchdog/receive-watchdog.ts';
import { companyWith } from './edge-companies.ts';
import type { SessionHost } from './session-host.ts';

/** As fast as tests need it, in the proportions of production. */
const quickTimings: Partial<DeafnessTimings> = {
  silenceMs: 1_200,
  unacknowledgedMs: 300,
  probeTimeoutMs: 1_000,
  settleMs: 500,
};

export const noon = new Date('2026-03-10T09:00:00Z');

/** Watches the sessions of a host for deafness, and keeps what was done about it. */
export class WatchedSession implements Disposable {
  readonly events: MarketplaceEvent[] = [];
  readonly watch: DeafnessWatch;
  sweeps = 0;
  readonly #host: SessionHost;
  readonly #timer: Disposable;

  /** @param now for the hours of a salon in Moscow */
  constructor(
    host: SessionHost,
    { now = noon, timings = {} }: Readonly<{ now?: Date; timings?: Partial<DeafnessTimings> }> = {},
  ) {
    this.#host = host;
    this.watch = new DeafnessWatch({
      whatsapp: host.manager,
      companies: { byId: async (id) => companyWith(id) },
      events: {
        record: async (event) => {
          this.events.push(event);
        },
      },
      report: createBusinessEvents(host.log, host.metrics),
      timings: { ...quickTimings, ...timings },
      now: () => now,
      monotonicMs: () => performance.now(),
      random: Math.random,
    });
    this.#timer = every(50, () => {
      this.sweeps += 1;
      void this.watch.sweep();
    });
  }

  /** How often this was done, as the metric has it. */
  async did(action: string): Promise<number> {
    const { values } = await this.#host.metrics.whatsappWatchdogActions.get();
    return values.find(({ labels }) => labels.action === action)?.value ?? 0;
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}
