// @ts-check
/** @import { ChatMessage } from '../demo-state.ts' */

import { bilingual, createElement, syncList } from './dom.js';

const ticks = {
  sent: { sign: '✓', name: { ru: 'отправлено', en: 'sent' } },
  delivered: { sign: '✓✓', name: { ru: 'доставлено', en: 'delivered' } },
  read: { sign: '✓✓', name: { ru: 'прочитано', en: 'read' } },
};

/**
 * Shows a chat and scrolls to its end when a message was added.
 * @param {HTMLElement} list
 * @param {readonly ChatMessage[]} messages
 */
export const showChat = (list, messages) => {
  list.hidden = messages.length === 0;
  if (syncList(list, messages, bubble)) list.scrollTop = list.scrollHeight;
};

/** @param {ChatMessage} message */
const bubble = ({ text, at, mine, ticks: state }) => {
  const time = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const { sign, name } = ticks[state];
  const deliveryStatus = createElement(
    'span',
    { class: 'ticks', 'data-ticks': state },
    createElement('span', { 'aria-hidden': 'true' }, sign),
  );
  deliveryStatus.append(createElement('span', { class: mine ? 'unseen' : 'fate' }, bilingual(name)));
  return createElement(
    'li',
    { class: mine ? 'mine' : 'theirs' },
    createElement('p', { class: 'text' }, text),
    createElement('p', { class: 'meta' }, createElement('time', { datetime: at }, time), deliveryStatus),
  );
};

/**
 * `79001112233` with spaces and hyphens.
 * @param {string} digits
 */
export const formatPhone = (digits) => digits.replace(/^(\d)(\d{3})(\d{3})(\d\d)(\d\d)$/, '+$1 $2 $3-$4-$5');
