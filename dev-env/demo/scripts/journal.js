// @ts-check
/** @import { BookingState, DemoState } from '../demo-state.ts' */
/** @import { Text } from './dom.js' */

import { performAction } from './api.js';
import { bilingual, byId, createElement, syncList, textsOf } from './dom.js';

const dayMs = 86_400_000;

/** @type {readonly Readonly<{ action: string, text: Text }>[]} */
const changes = [
  { action: 'move', text: { ru: 'На день позже', en: 'A day later' } },
  { action: 'came', text: { ru: 'Пришёл', en: 'Came' } },
  { action: 'cancel', text: { ru: 'Отменить', en: 'Cancel' } },
];

/** @type {Readonly<Record<string, Text>>} */
const webhooks = {
  create: { ru: 'вебхук о записи', en: 'webhook of the booking' },
  update: { ru: 'вебхук об изменении', en: 'webhook of the change' },
  delete: { ru: 'вебхук об отмене', en: 'webhook of the cancellation' },
};

/** The booking journal of the salon's administrator. */
export class Journal {
  #form = byId('booking-form', HTMLFormElement);
  #outcome = byId('booking-outcome', HTMLElement);

  constructor() {
    const date = this.#form.elements.namedItem('date');
    if (date instanceof HTMLInputElement) {
      date.value = new Date(Date.now() + 2 * dayMs).toISOString().slice(0, 10);
      date.min = new Date().toISOString().slice(0, 10);
    }
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#book();
    });
  }

  /** @param {DemoState} state */
  show({ salon, bookings }) {
    this.#offer('service', salon.services);
    this.#offer('staff', salon.staff);
    byId('not-connected', HTMLElement).hidden = salon.status === 'active';
    syncList(byId('bookings', HTMLElement), bookings, (booking) => this.#row(booking));
  }

  /**
   * @param {string} name
   * @param {readonly string[]} choices
   */
  #offer(name, choices) {
    const select = this.#form.elements.namedItem(name);
    if (select instanceof HTMLSelectElement && select.length === 0) {
      select.append(...choices.map((choice) => new Option(choice)));
    }
  }

  async #book() {
    const { date, time, ...visit } = textsOf(this.#form);
    await performAction(this.#outcome, 'book', { ...visit, start: `${date} ${time}:00` });
  }

  /** @param {BookingState} booking */
  #row(booking) {
    const { id, start, client, service, staff, came, cancelled } = booking;
    const [date = '', time = ''] = start.split(' ');
    const [, month, day] = date.split('-');
    const row = createElement(
      'li',
      { class: cancelled ? 'cancelled' : '' },
      createElement(
        'p',
        { class: 'visit' },
        createElement('b', {}, `${day}.${month} ${time.slice(0, 5)}`),
        ` ${service} · ${staff} · ${client}`,
      ),
      createElement('p', { class: 'fine' }, ...bookingDetails(booking)),
    );
    if (cancelled) return row;
    const buttons = changes
      .filter(({ action }) => !(came && action === 'came'))
      .map(({ action, text }) => {
        const button = createElement(
          'button',
          { type: 'button', class: 'quiet', 'data-action': action },
          bilingual(text),
        );
        button.addEventListener('click', () => void performAction(this.#outcome, action, { id }));
        return button;
      });
    row.append(createElement('div', { class: 'row' }, ...buttons));
    return row;
  }
}

/**
 * @param {BookingState} booking
 * @returns {(Node | string)[]}
 */
const bookingDetails = ({ came, cancelled, webhook }) => {
  /** @type {(Node | string)[]} */
  const details = [];
  if (cancelled)
    details.push(createElement('span', { class: 'chip' }, bilingual({ ru: 'отменена', en: 'cancelled' })));
  if (came)
    details.push(
      createElement(
        'span',
        { class: 'chip good' },
        bilingual({ ru: 'пришёл — без сообщения', en: 'came — no message' }),
      ),
    );
  if (webhook === null) {
    details.push(bilingual({ ru: 'вебхука нет', en: 'no webhook' }));
    return details;
  }
  const { event, status, durationMs } = webhook;
  const answer = status ?? '—';
  const name = webhooks[event] ?? { ru: event, en: event };
  details.push(
    bilingual({
      ru: `${name.ru}: ${answer} за ${durationMs} мс`,
      en: `${name.en}: ${answer} in ${durationMs} ms`,
    }),
  );
  return details;
};
