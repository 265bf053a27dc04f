// @ts-check
/**
 * @import { Model } from './connection-model.js'
 * @import { ConnectionEvent, Effect } from './connection-reducer.js'
 * @typedef {{ companyId: number, token: string, openSocket: (token: string, dispatch: (event: ConnectionEvent) => void) =>
 *   (effect: Effect) => void, fetchStatus: typeof import('./status-api.js').fetchStatus, language: () => string,
 *   onChange: () => void }} SalonOptions
 */

import { initialModel } from './connection-model.js';
import { reduce } from './connection-reducer.js';

const pollIntervalMs = 2000;
const statusTimeoutMs = 8000;

/** Final outcomes of an activation; polling stops. */
const finalIntegrationStatuses = new Set(['active', 'activation_failed', 'frozen', 'uninstalled']);

/** One salon on the page: its model, its socket and the polling of its activation. */
export class Salon {
  /** @type {Readonly<Model>} */
  #model = initialModel;
  /** @type {((effect: Effect) => void) | undefined} */
  #runEffect;
  #isPolling = false;
  #options;

  /** @param {SalonOptions} options */
  constructor(options) {
    this.#options = options;
  }

  get token() {
    return this.#options.token;
  }

  get model() {
    return this.#model;
  }

  /** Connects on the first call, so that a tab that was never opened uses no connection. */
  open() {
    this.#runEffect ??= this.#options.openSocket(this.#options.token, (event) => this.dispatch(event));
  }

  /** @param {ConnectionEvent} event */
  dispatch(event) {
    const before = this.#model;
    const { model, effect } = reduce(before, event, Date.now());
    this.#model = model;
    if (effect) this.#runEffect?.(effect);
    if (model === before) return;
    this.#options.onChange();
    if (model.session === 'connected' && before.session !== 'connected') void this.#pollActivation();
  }

  /** Fetches the status once, for the name and the number. Failures stay silent: the socket reports them in detail. */
  async refreshStatus() {
    const { companyId, token, language, fetchStatus } = this.#options;
    try {
      const result = await fetchStatus({
        companyId,
        token,
        language: language(),
        signal: AbortSignal.timeout(statusTimeoutMs),
      });
      if ('status' in result) this.dispatch({ type: 'status', status: result.status });
      return result;
    } catch {
      return undefined;
    }
  }

  /** Polls until the activation has a final status or the salon is no longer connected. */
  async #pollActivation() {
    if (this.#isPolling) return;
    this.#isPolling = true;
    while (this.#model.session === 'connected') {
      const result = await this.refreshStatus();
      if (result && 'status' in result && finalIntegrationStatuses.has(result.status.integration ?? ''))
        break;
      if (result && 'failure' in result && result.failure.code === 'INVALID_TOKEN') break;
      const delayMs =
        result && 'failure' in result ? (result.failure.retryAfterSeconds ?? 5) * 1000 : pollIntervalMs;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
    this.#isPolling = false;
  }
}
