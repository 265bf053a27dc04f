// @ts-check
/** @import { DemoState } from '../demo-state.ts' */

import { byId } from './dom.js';

const cards = ['marketplace', 'owner', 'booking', 'client'];

/**
 * Marks what is done and what comes next.
 * @param {DemoState} state
 */
export const showSteps = ({ salon, owner, bookings, client }) => {
  const done = [
    salon.status !== 'uninstalled',
    owner.linkedDevices.length > 0,
    bookings.length > 0,
    client.chat.some(({ mine, ticks }) => !mine && ticks === 'read'),
  ];
  const next = done.indexOf(false);
  const links = [...byId('steps', HTMLElement).querySelectorAll('a')];
  for (const [index, card] of cards.entries()) {
    const state = index === next ? 'next' : done[index] ? 'done' : 'later';
    byId(card, HTMLElement).dataset['step'] = state;
    const link = links[index];
    if (link === undefined) continue;
    link.dataset['step'] = state;
    if (state === 'next') link.setAttribute('aria-current', 'step');
    else link.removeAttribute('aria-current');
  }
};
