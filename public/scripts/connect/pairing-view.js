// @ts-check
/**
 * @import { Model, Screen } from './connection-model.js'
 * @import { Translate } from '../shared/i18n.js'
 */

import { formatSeconds, secondsLeft } from '../shared/countdown.js';
import { byId, setAttribute, setText } from '../shared/dom.js';
import { errorAction, unknownErrorCode } from '../shared/error-actions.js';
import { formatPairingCode } from './pairing-format.js';
import { allowsPairingCode, showsLinkingSteps } from './screen-appearance.js';

/** Phones cannot scan their own screen. A tablet is large enough to be scanned by another phone. */
const phoneMediaQuery = '(pointer: coarse) and (max-width: 55.99rem)';

/**
 * On a phone, opens the pairing form and moves it before the QR code, also in the tab order.
 * @param {HTMLDetailsElement} pairing
 */
const showPairingFirstOnPhones = (pairing) => {
  if (!window.matchMedia(phoneMediaQuery).matches) return;
  pairing.open = true;
  pairing.parentElement?.prepend(pairing);
};

/**
 * @param {Model['pairing']} pairing
 * @param {Translate} translate
 */
const pairingProblem = (pairing, translate) => {
  if (pairing.status === 'expired') return translate('pairing.expired');
  if (pairing.status !== 'failed') return '';
  const { code, message } = pairing.failure;
  if (code === 'VALIDATION_ERROR') return translate('pairing.invalidPhone');
  // The server's message says what WhatsApp refused and what to do instead.
  if (code === 'CONNECTION_FAILED' && message !== '') return message;
  const key = errorAction(code) ? code : unknownErrorCode;
  return `${translate(`errors.${key}.title`)}. ${translate(`errors.${key}.action`)}`;
};

/** Renders linking by phone number: the form, its errors and the pairing code. */
export class PairingView {
  #details = byId('pairing', HTMLDetailsElement);
  #form = byId('pairing-form', HTMLFormElement);
  #phone = byId('pairing-phone', HTMLInputElement);
  #submit = byId('pairing-submit', HTMLButtonElement);
  #problem = byId('pairing-problem', HTMLElement);
  #retry = byId('pairing-retry', HTMLElement);
  #result = byId('pairing-result', HTMLElement);
  #status = byId('pairing-status', HTMLElement);
  #code = byId('pairing-code', HTMLOutputElement);
  #time = byId('pairing-time', HTMLElement);
  /** @type {Screen | undefined} */
  #lastScreen;

  constructor() {
    showPairingFirstOnPhones(this.#details);
  }

  /**
   * @param {Readonly<Model>} model
   * @param {Screen} screen
   * @param {number} nowMs
   * @param {Translate} translate
   */
  render({ pairing }, screen, nowMs, translate) {
    this.#details.hidden = !showsLinkingSteps(screen);
    if (screen === 'refused' && this.#lastScreen !== 'refused') this.#details.open = true;
    this.#lastScreen = screen;

    const shown = pairing.status === 'shown' ? pairing : undefined;
    setAttribute(this.#details, 'data-pairing', pairing.status);
    this.#form.hidden = shown !== undefined;
    this.#submit.disabled = pairing.status === 'pending' || !allowsPairingCode(screen);
    setText(this.#submit, translate(pairing.status === 'pending' ? 'pairing.pending' : 'pairing.submit'));
    const isInvalid = pairing.status === 'failed' && pairing.failure.code === 'VALIDATION_ERROR';
    setAttribute(this.#phone, 'aria-invalid', isInvalid ? 'true' : undefined);
    setText(this.#problem, pairingProblem(pairing, translate));
    const retryAtMs = pairing.status === 'failed' ? pairing.retryAtMs : undefined;
    const retryTime = retryAtMs === undefined ? undefined : formatSeconds(secondsLeft(retryAtMs, nowMs));
    setText(this.#retry, retryTime === undefined ? '' : translate('pairing.retryIn', { time: retryTime }));

    const wasHidden = this.#result.hidden;
    this.#result.hidden = shown === undefined;
    if (!shown) return;
    setText(this.#status, translate('pairing.shown', { phone: shown.phone }));
    setText(this.#code, formatPairingCode(shown.code));
    const time = formatSeconds(secondsLeft(shown.deadlineMs, nowMs));
    setText(this.#time, translate('pairing.expiresIn', { time }));
    if (wasHidden) this.#code.focus();
  }
}
