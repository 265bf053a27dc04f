// @ts-check
/** @import { DemoState } from '../demo-state.ts' */

import { byId } from './dom.js';

/** The owner's browser: the marketplace and the pages it links to. */
export class Computer {
  frame = byId('frame', HTMLIFrameElement);
  #address = byId('address', HTMLElement);
  #marketplaceUrl = '';
  #salonStatus = '';

  constructor() {
    byId('to-marketplace', HTMLButtonElement).addEventListener('click', () => this.#openMarketplace());
    this.frame.addEventListener('load', () => this.#showAddress());
  }

  /** @param {DemoState} state */
  show({ marketplaceUrl, salon }) {
    const isFirst = this.#marketplaceUrl === '';
    this.#marketplaceUrl = marketplaceUrl;
    // The marketplace's page does not update itself. At "pending" the browser is leaving it for the connect page.
    const isActivated = salon.status === 'active' && this.#salonStatus !== 'active';
    if (isFirst || (isActivated && this.#isAtMarketplace)) this.#openMarketplace();
    this.#salonStatus = salon.status;
  }

  /**
   * Presses the language switch of our page in the frame, if it shows one.
   * @param {string} language
   */
  speak(language) {
    const button = this.frame.contentDocument?.querySelector(`button[data-language="${language}"]`);
    if (button) /** @type {HTMLButtonElement} */ (button).click();
  }

  /** The marketplace is another origin, so that its document is not accessible. */
  get #isAtMarketplace() {
    return this.frame.contentDocument === null;
  }

  #openMarketplace() {
    this.frame.src = this.#marketplaceUrl;
  }

  #showAddress() {
    const own = this.frame.contentDocument?.location;
    this.#address.textContent = own ? own.origin + own.pathname : this.#marketplaceUrl;
  }
}
