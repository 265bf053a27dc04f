// @ts-check
/** @import { DemoState } from '../demo-state.ts' */

import { performAction } from './api.js';
import { formatPhone, showChat } from './chat.js';
import { byId, textsOf } from './dom.js';

/** The phone of the person who booked. Marks incoming messages as read while its chat is open. */
export class ClientPhone {
  #screen = byId('client-screen', HTMLElement);
  #open = byId('open-chat', HTMLButtonElement);
  #reply = byId('reply-form', HTMLFormElement);
  #outcome = byId('reply-outcome', HTMLElement);
  #offline = byId('client-offline', HTMLInputElement);
  #isOpen = false;
  /** @type {string | undefined} of the message that was reported as read last */
  #lastReportedId;

  constructor() {
    this.#open.addEventListener('click', () => this.#openChat());
    this.#reply.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.#offline.addEventListener(
      'change',
      () =>
        void performAction(this.#outcome, 'network', { person: 'client', online: !this.#offline.checked }),
    );
  }

  /** @param {DemoState} state */
  show({ client, owner, salon }) {
    const received = client.chat.filter(({ mine }) => !mine);
    const unread = received.filter(({ ticks }) => ticks !== 'read').length;
    byId('client-app', HTMLElement).textContent = this.#isOpen ? salon.title : 'WhatsApp';
    byId('client-number', HTMLElement).textContent = formatPhone(this.#isOpen ? owner.number : client.number);
    byId('client-empty', HTMLElement).hidden = client.chat.length > 0;
    this.#offline.checked = !client.online;
    showChat(byId('client-chat', HTMLElement), client.chat);
    const badge = byId('unread', HTMLElement);
    badge.hidden = unread === 0;
    badge.textContent = String(unread);
    const newest = received.at(-1)?.id;
    if (this.#isOpen && newest !== this.#lastReportedId) {
      this.#lastReportedId = newest;
      void performAction(this.#outcome, 'open-chat');
    }
  }

  #openChat() {
    this.#isOpen = true;
    this.#screen.classList.remove('locked');
    this.#open.setAttribute('aria-expanded', 'true');
    this.#open.hidden = true;
    this.#reply.hidden = false;
    byId('client-chat', HTMLElement).focus({ preventScroll: true });
    void performAction(this.#outcome, 'open-chat');
  }

  async #send() {
    if (await performAction(this.#outcome, 'reply', textsOf(this.#reply))) this.#reply.reset();
  }
}
