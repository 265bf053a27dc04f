// @ts-check
/**
 * @import { Model, Screen } from './connection-model.js'
 * @import { Translate } from '../shared/i18n.js'
 */

import { formatSeconds, secondsLeft, shareLeft } from '../shared/countdown.js';
import { byId, setAttribute, setText } from '../shared/dom.js';
import { errorAction, unknownErrorCode } from '../shared/error-actions.js';
import { isSlow, currentScreen } from './connection-model.js';
import { PairingView } from './pairing-view.js';
import { showsLinkingSteps, screenAppearance } from './screen-appearance.js';
import { causeAndSince } from './state-cause.js';

/** @type {ReadonlySet<Screen>} */
const linkedScreens = new Set(['connected', 'reconnecting']);

/**
 * The heading and the text of a screen.
 * @param {Readonly<Model>} model
 * @param {Screen} screen
 * @param {number} nowMs
 * @param {Translate} translate
 * @returns {{ title: string, text: string }}
 */
const screenText = (model, screen, nowMs, translate) => {
  const { failure } = model;
  if (screen === 'refused' && failure) {
    const title = translate('screens.refused.title');
    // The server's generic message only repeats the title.
    const hasReason = failure.message !== '' && !failure.message.startsWith(title);
    return { title, text: hasReason ? failure.message : translate('screens.refused.text') };
  }
  if (screen !== 'error' || !failure) {
    const key = isSlow(model, nowMs)
      ? 'connect.slow'
      : model.retry
        ? 'connect.attempt'
        : `screens.${screen}.text`;
    return { title: translate(`screens.${screen}.title`), text: translate(key) };
  }
  const { code, message } = failure;
  const key = errorAction(code) ? code : unknownErrorCode;
  const serverText = code === 'VALIDATION_ERROR' || key === unknownErrorCode ? message : '';
  return {
    title: translate(`errors.${key}.title`),
    text: `${serverText || translate(`errors.${key}.text`)} ${translate(`errors.${key}.action`)}`,
  };
};

/** Renders a model into the connect page; unchanged nodes are not written. */
export class ConnectView {
  #main = byId('main', HTMLElement);
  #heading = byId('title', HTMLElement);
  #lead = byId('lead', HTMLElement);
  #connection = byId('connection', HTMLElement);
  #qr = byId('qr', HTMLImageElement);
  #icon = byId('icon', SVGElement);
  #iconUse = byId('icon-use', SVGUseElement);
  #title = byId('status-title', HTMLElement);
  #text = byId('status-text', HTMLElement);
  #since = byId('status-since', HTMLElement);
  #countdown = byId('countdown', HTMLElement);
  #countdownLabel = byId('countdown-label', HTMLElement);
  #countdownTime = byId('countdown-time', HTMLElement);
  #countdownFill = byId('countdown-fill', HTMLElement);
  #facts = byId('facts', HTMLElement);
  #phone = byId('phone', HTMLElement);
  #integration = byId('integration', HTMLElement);
  #restriction = byId('restriction', HTMLElement);
  #newCode = byId('new-code', HTMLButtonElement);
  #register = byId('register', HTMLAnchorElement);
  #guide = byId('guide', HTMLElement);
  #pairing = new PairingView();

  /**
   * @param {Readonly<Model>} model
   * @param {number} nowMs
   * @param {Translate} translate
   */
  render(model, nowMs, translate) {
    const screen = currentScreen(model, nowMs);
    const appearance = screenAppearance(screen, model.failure?.code);
    const focused = document.activeElement;

    setAttribute(this.#main, 'data-state', screen);
    setAttribute(this.#main, 'data-code', model.failure?.code);
    setAttribute(this.#connection, 'data-tone', appearance.tone);
    this.#renderQr(screen === 'qr' ? model.qr : undefined);
    setAttribute(this.#iconUse, 'href', `#icon-${appearance.icon}`);
    this.#renderCountdown(model, screen, nowMs, translate);

    const isLinked = linkedScreens.has(screen);
    setText(this.#heading, translate(isLinked ? 'connect.titleLinked' : 'connect.title'));
    setText(this.#lead, translate(isLinked ? 'connect.leadLinked' : 'connect.lead'));
    const { title, text } = screenText(model, screen, nowMs, translate);
    setText(this.#title, title);
    setText(this.#text, text);
    setText(this.#since, causeAndSince(model, screen, translate, document.documentElement.lang));
    this.#renderFacts(model, screen, translate);

    const newCode = appearance.newCode ?? (isSlow(model, nowMs) ? 'connect.newCode' : undefined);
    this.#newCode.hidden = newCode === undefined;
    if (newCode !== undefined) setText(this.#newCode, translate(newCode));
    this.#register.hidden = appearance.register !== true;
    this.#guide.hidden = !showsLinkingSteps(screen);
    this.#pairing.render(model, screen, nowMs, translate);

    // If the focused control disappeared, move the focus to the status that replaced it.
    const { activeElement } = document;
    const hasNotMoved = activeElement === focused || activeElement === document.body;
    if (
      hasNotMoved &&
      focused instanceof HTMLElement &&
      focused !== document.body &&
      !focused.checkVisibility()
    )
      this.#title.focus();
  }

  /** @param {Model['qr']} qr */
  #renderQr(qr) {
    this.#qr.hidden = qr === undefined;
    this.#icon.toggleAttribute('hidden', qr !== undefined);
    setAttribute(this.#qr, 'src', qr?.image);
    setAttribute(this.#qr, 'data-sequence', qr?.sequence);
    setAttribute(this.#qr, 'data-expires-at', qr?.expiresAt);
  }

  /**
   * @param {Readonly<Model>} model
   * @param {Screen} screen
   * @param {number} nowMs
   * @param {Translate} translate
   */
  #renderCountdown(model, screen, nowMs, translate) {
    const qr = screen === 'qr' ? model.qr : undefined;
    const retryAtMs = screen === 'error' ? model.retry?.atMs : undefined;
    const deadlineMs = qr?.deadlineMs ?? retryAtMs;
    this.#countdown.hidden = deadlineMs === undefined;
    if (deadlineMs === undefined) return;
    setText(this.#countdownLabel, translate(qr ? 'connect.refreshIn' : 'connect.retryIn'));
    setText(this.#countdownTime, formatSeconds(secondsLeft(deadlineMs, nowMs)));
    this.#countdown.toggleAttribute('data-bar', qr !== undefined);
    if (qr) this.#countdownFill.style.setProperty('--left', shareLeft(qr, nowMs).toFixed(3));
  }

  /**
   * @param {Readonly<Model>} model
   * @param {Screen} screen
   * @param {Translate} translate
   */
  #renderFacts(model, screen, translate) {
    const { phone, integration, restriction } = model;
    this.#restriction.hidden = !linkedScreens.has(screen) || restriction === '';
    setText(this.#restriction, restriction);
    this.#facts.hidden = !linkedScreens.has(screen) || (phone === undefined && integration === undefined);
    setText(this.#phone, phone ?? '—');
    setText(this.#integration, integration === undefined ? '…' : translate(`integration.${integration}`));
    setAttribute(this.#integration, 'data-integration', integration);
  }
}
