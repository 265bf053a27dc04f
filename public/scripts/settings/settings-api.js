// @ts-check
import { readFailure } from '../shared/payloads.js';

/**
 * @typedef {{
 *   enabled: Record<string, boolean>,
 *   templates: Record<string, string | null>,
 *   quiet_hours: { from: string, to: string } | null,
 *   small_shift_minutes: number,
 *   review_link: string | null,
 * }} Settings
 * @typedef {{
 *   settings: Settings,
 *   defaults: Record<string, string>,
 *   variables: Record<string, { name: string, description: string }[]>,
 * }} SettingsResponse
 * @typedef {{ text: string, length: number, problems: string[] }} Preview
 * @typedef {{ phone: string, since: string }} OptOut
 * @typedef {{ enabled: boolean, disabled_at: string | null, failing_since: string | null, waiting: number }} OutgoingWebhook
 */

/** An error response; `message` is the server's text for the user. */
export class ApiError extends Error {}

/** Client of `/marketplace/settings/:companyId`. */
export class SettingsApi {
  #companyId;
  #token;
  #language;

  /**
   * @param {number} companyId
   * @param {string} token
   * @param {() => string} language of the server's messages
   */
  constructor(companyId, token, language) {
    this.#companyId = companyId;
    this.#token = token;
    this.#language = language;
  }

  /** @returns {Promise<SettingsResponse>} */
  read() {
    return this.#request('', 'GET');
  }

  /**
   * @param {Settings} settings
   * @returns {Promise<SettingsResponse>}
   */
  save(settings) {
    return this.#request('', 'PUT', settings);
  }

  /**
   * @param {string} kind
   * @param {string} template
   * @returns {Promise<Preview>}
   */
  preview(kind, template) {
    return this.#request('/preview', 'POST', { kind, template });
  }

  /** @returns {Promise<{ opt_outs: OptOut[] }>} */
  optOuts() {
    return this.#request('/opt-outs', 'GET');
  }

  /** @returns {Promise<{ outgoing_webhook: OutgoingWebhook | null }>} */
  outgoingWebhook() {
    return this.#request('/outgoing-webhook', 'GET');
  }

  /**
   * @param {string} path
   * @param {string} method
   * @param {unknown} [body]
   * @throws {ApiError}
   */
  async #request(path, method, body) {
    const response = await fetch(`/marketplace/settings/${this.#companyId}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${this.#token}`,
        'Accept-Language': this.#language(),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      cache: 'no-store',
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    /** @type {unknown} */
    const responseBody = await response.json().catch(() => undefined);
    if (!response.ok) throw new ApiError(readFailure(responseBody).message);
    // oxlint-disable-next-line typescript/no-unsafe-return, typescript/no-unsafe-type-assertion -- a response of our own server
    return /** @type {any} */ (responseBody);
  }
}
