// @ts-check

import { setAttribute, setText } from '../shared/dom.js';

/** Tabs for the salons of one link, with the arrow-key navigation of the ARIA tabs pattern. */
export class SalonTabs {
  /** @type {HTMLButtonElement[]} */
  #tabs;
  #panel;
  #onSelect;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} panel
   * @param {number} count
   * @param {(index: number) => void} onSelect
   */
  constructor(list, panel, count, onSelect) {
    this.#panel = panel;
    this.#onSelect = onSelect;
    this.#tabs = Array.from({ length: count }, (_, index) => {
      const tab = document.createElement('button');
      tab.type = 'button';
      tab.id = `salon-${index}`;
      tab.setAttribute('role', 'tab');
      tab.setAttribute('aria-controls', panel.id);
      tab.addEventListener('click', () => this.select(index));
      return tab;
    });
    list.replaceChildren(...this.#tabs);
    list.hidden = count < 2;
    list.addEventListener('keydown', (event) => this.#onKey(event));
    if (count > 1) panel.setAttribute('role', 'tabpanel');
  }

  /** @param {number} selected */
  select(selected) {
    for (const [index, tab] of this.#tabs.entries()) {
      tab.setAttribute('aria-selected', String(index === selected));
      tab.tabIndex = index === selected ? 0 : -1;
    }
    if (this.#tabs.length > 1) setAttribute(this.#panel, 'aria-labelledby', `salon-${selected}`);
    this.#onSelect(selected);
  }

  /**
   * @param {number} index
   * @param {string} name
   * @param {boolean} isConnected
   */
  update(index, name, isConnected) {
    const tab = this.#tabs[index];
    if (!tab) return;
    setText(tab, name);
    tab.toggleAttribute('data-connected', isConnected);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const current = this.#tabs.findIndex((tab) => tab === document.activeElement);
    const last = this.#tabs.length - 1;
    const next = new Map([
      ['ArrowRight', current === last ? 0 : current + 1],
      ['ArrowLeft', current === 0 ? last : current - 1],
      ['Home', 0],
      ['End', last],
    ]).get(event.key);
    if (current === -1 || next === undefined) return;
    event.preventDefault();
    this.select(next);
    this.#tabs[next]?.focus();
  }
}
