// @ts-check
/** @import { Screen } from './connection-model.js' */

import { errorAction } from '../shared/error-actions.js';

/**
 * The picture, the tone and the button of every screen. `newCode` names the text of the button that asks the server again.
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
 * @param {string | undefined} code of the failure shown
 * @returns {Appearance}
 */
export const screenAppearance = (screen, code) => {
  if (screen !== 'error') return appearances[screen];
  const action = errorAction(code ?? '')?.kind;
  if (action === 'close') return { icon: 'unlinked', tone: 'warn', register: true };
  if (action === 'wait') return { icon: 'clock', tone: 'warn' };
  return { icon: 'stop', tone: 'bad', newCode: 'tryAgain' };
};

/** Screens on which the steps and the pairing form are of use. */
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
 * Whether a pairing code may be asked for: only when the server has told how the session stands.
 * @param {Screen} screen
 */
export const allowsPairingCode = (screen) => screen !== 'loading' && showsLinkingSteps(screen);
