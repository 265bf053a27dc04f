import { initialModel, isSlow, currentScreen } from '../../../public/scripts/connect/connection-model.js';
import { reduce } from '../../../public/scripts/connect/connection-reducer.js';
import { readFailure, readQr } from '../../../public/scripts/shared/payloads.js';

export type PageEvent = Parameters<typeof reduce>[1];

/** Drives the reducer of the connect page with simulated server events and a manual clock. */
export class ConnectPageDriver {
  #model = initialModel;
  #nowMs = 1_000_000;
  readonly effects: string[] = [];

  send(...events: PageEvent[]): this {
    for (const event of events) {
      const { model, effect } = reduce(this.#model, event, this.#nowMs);
      this.#model = model;
      if (effect) this.effects.push(effect.kind);
    }
    return this;
  }

  connect(state: string): this {
    return this.send({ type: 'link-up' }, { type: 'session-state', state });
  }

  fail(code: string, retryAfter?: number): this {
    return this.send({ type: 'failure', failure: readFailure({ code, message: 'why', retryAfter }) });
  }

  showQr(seconds: number): this {
    const qr = readQr({ qr: 'data:image/png;base64,AA==', expiresIn: seconds, sequence: 1 });
    if (!qr) throw new Error('Invalid QR payload');
    return this.send({ type: 'qr', qr });
  }

  advance(seconds: number): this {
    for (let second = 0; second < seconds; second += 1) {
      this.#nowMs += 1000;
      this.send({ type: 'tick' });
    }
    return this;
  }

  /** Advances the clock without ticks, like a throttled background tab. */
  suspendTimers(seconds: number): this {
    this.#nowMs += seconds * 1000;
    return this;
  }

  get screen(): string {
    return currentScreen(this.#model, this.#nowMs);
  }

  get slow(): boolean {
    return isSlow(this.#model, this.#nowMs);
  }

  get model(): typeof initialModel {
    return this.#model;
  }
}
