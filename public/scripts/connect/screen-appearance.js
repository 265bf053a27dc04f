// @ts-check
/** @import { Screen } from './connection-model.js' */

import { errorAction } from '../shared/error-actions.js';

/**
 * The icon, the tone and the buttons of a screen. `newCode` is the text key of the button that requests a code;
 * `register` shows the link to YCLIENTS.
 * @typedef {{ icon: string, tone: 'calm' | 'good' | 'warn' | 'bad', newCode?: string, register?: true }} Appearance
 */

/** @type {Readonly<Record<Exclude<Screen, 'error'>, Appearance>>} */
export const appearances = {
  loading: { icon: 'wait', tone: 'calm' },
  idle: { icon: 'phone', tone: 'calm', newCode: 'connect.newCode' },
  waiting: { icon: 'wait', tone: 'calm' },
  qr: { icon: 'phone', tone: 'calm' },
  connecting: { icon: 'phone', tone: 'calm' },
  connected: { icon: 'done', tone: 'good' },
  reconnecting: { icon: 'wait', tone: 'warn' },
  qr_expired: { icon: 'clock', tone: 'warn', newCode: 'connect.newCode' },
  logged_out: { icon: 'unlinked', tone: 'warn', newCode: 'connect.newCode' },
  passkey_required: { icon: 'key', tone: 'warn', newCode: 'tryAgain' },
  banned: { icon: 'stop', tone: 'bad' },
  conflict: { icon: 'unlinked', tone: 'warn', newCode: 'connect.newCode' },
  stopped: { icon: 'stop', tone: 'warn', newCode: 'connect.newCode' },
  phone_outdated: { icon: 'phone', tone: 'warn', newCode: 'connect.newCode' },
  offline: { icon: 'offline', tone: 'warn' },
  refused: { icon: 'stop', tone: 'bad', newCode: 'tryAgain' },
};

/**
 * @param {Screen} screen
 * @param {string | undefined} code the code of the displayed failure
 * @returns {Appearance}
 */
export const screenAppearance = (screen, code) => {
  if (screen !== 'error') return appearances[screen];
  const action = errorAction(code ?? '')?.kind;
  if (action === 'close') return { icon: 'unlinked', tone: 'warn', register: true };
  if (action === 'wait') return { icon: 'clock', tone: 'warn' };
  return { icon: 'stop', tone: 'bad', newCode: 'tryAgain' };
};

/** Screens that show the steps and the pairing form. */
const unlinkedScreens = new Set([
  'loading',
  'idle',
  'waiting',
  'qr',
  'qr_expired',
  'logged_out',
  'refused',
  'stopped',
  'phone_outdated',
  'conflict',
]);

/** @param {Screen} screen */
export const showsLinkingSteps = (screen) => unlinkedScreens.has(screen);

/**
 * Whether a pairing code can be requested: only after the session state has arrived.
 * @param {Screen} screen
 */
export const allowsPairingCode = (screen) => screen !== 'loading' && showsLinkingSteps(screen);
