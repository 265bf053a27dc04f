// @ts-check
/** @import { DemoState } from '../demo-state.ts' */

import { performAction } from './api.js';
import { photographQr } from './camera.js';
import { formatPhone, showChat } from './chat.js';
import { byId, emptyText, setText } from './dom.js';

/** The phone whose number the salon's messages come from. */
export class OwnerPhone {
  #scan = byId('scan', HTMLButtonElement);
  #outcome = byId('scan-outcome', HTMLElement);
  #camera = byId('camera', HTMLCanvasElement);
  #offline = byId('owner-offline', HTMLInputElement);
  #frame;

  /** @param {HTMLIFrameElement} frame where the connect page shows its code */
  constructor(frame) {
    this.#frame = frame;
    frame.addEventListener('load', () => setText(this.#outcome, emptyText));
    this.#scan.addEventListener('click', () => void this.#scanCode());
    byId('remove-device', HTMLButtonElement).addEventListener(
      'click',
      () => void performAction(this.#outcome, 'remove-devices'),
    );
    this.#offline.addEventListener(
      'change',
      () => void performAction(this.#outcome, 'network', { person: 'owner', online: !this.#offline.checked }),
    );
  }

  /** @param {DemoState} state */
  show({ owner }) {
    const isLinked = owner.linkedDevices.length > 0;
    const wasLinked = !byId('owner-linked', HTMLElement).hidden;
    byId('owner-number', HTMLElement).textContent = formatPhone(owner.number);
    byId('owner-unlinked', HTMLElement).hidden = isLinked;
    byId('owner-linked', HTMLElement).hidden = !isLinked;
    byId('owner-empty', HTMLElement).hidden = owner.chat.length > 0;
    this.#offline.checked = !owner.online;
    if (isLinked !== wasLinked) this.#reset();
    showChat(byId('owner-chat', HTMLElement), owner.chat);
  }

  #reset() {
    this.#camera.getContext('2d')?.clearRect(0, 0, this.#camera.width, this.#camera.height);
    setText(this.#outcome, emptyText);
  }

  async #scanCode() {
    const text = photographQr(this.#frame, this.#camera);
    if (text === undefined) {
      setText(this.#outcome, {
        ru: 'На экране компьютера нет QR-кода. Сначала шаг 1: нажмите «Подключить».',
        en: "There is no QR code on the computer's screen. Step 1 first: press «Подключить».",
      });
      return;
    }
    this.#scan.disabled = true;
    setText(this.#outcome, { ru: 'Код прочитан, связываем…', en: 'The code was read, linking…' });
    await performAction(this.#outcome, 'scan', { text });
    this.#scan.disabled = false;
  }
}
