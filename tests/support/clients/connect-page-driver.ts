import { reduce } from '../../../public/scripts/connection-events.js';
import { initialModel, isSlow, screenOf } from '../../../public/scripts/connection-model.js';
import { readFailure, readQr } from '../../../public/scripts/payloads.js';

export type PageEvent = Parameters<typeof reduce>[1];

/** A page in front of a server that only this test plays; time passes when told. */
export class Visit {
  #model = initialModel;
  #nowMs = 1_000_000;
  readonly asked: string[] = [];

  send(...events: PageEvent[]): this {
    for (const event of events) {
      const { model, effect } = reduce(this.#model, event, this.#nowMs);
      this.#model = model;
      if (effect) this.asked.push(effect.kind);
    }
    return this;
  }

  join(state: string): this {
    return this.send({ type: 'link-up' }, { type: 'session-state', state });
  }

  fail(code: string, retryAfter?: number): this {
    return this.send({ type: 'failure', failure: readFailure({ code, message: 'why', retryAfter }) });
  }

  showQr(seconds: number): this {
    const qr = readQr({ qr: 'data:image/png;base64,AA==', expiresIn: seconds, sequence: 1 });
    if (!qr) throw new Error('The code is not one');
    return this.send({ type: 'qr', qr });
  }

  pass(seconds: number): this {
    for (let second = 0; second < seconds; second += 1) {
      this.#nowMs += 1000;
      this.send({ type: 'tick' });
    }
    return this;
  }

  /** Time passes while no timer fires, as in a tab in the background. */
  freeze(seconds: number): this {
    this.#nowMs += seconds * 1000;
    return this;
  }

  get screen(): string {
    return screenOf(this.#model, this.#nowMs);
  }

  get slow(): boolean {
    return isSlow(this.#model, this.#nowMs);
  }

  get model(): typeof initialModel {
    return this.#model;
  }
}
