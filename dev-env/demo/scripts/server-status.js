// @ts-check
/** @import { DemoState } from '../demo-state.ts' */
/** @import { Text } from './dom.js' */

import { byId, setText } from './dom.js';

/** @typedef {Readonly<{ text: Text, tone: 'good' | 'busy' | 'bad' | 'quiet' }>} Sign */

/** @type {Readonly<Record<string, Sign>>} */
const health = {
  ready: { text: { ru: 'готов', en: 'ready' }, tone: 'good' },
  'not ready': { text: { ru: 'не готов', en: 'not ready' }, tone: 'bad' },
  unreachable: { text: { ru: 'не отвечает', en: 'does not answer' }, tone: 'bad' },
};

/** @type {Readonly<Record<string, Sign>>} */
const sessions = {
  idle: { text: { ru: 'не начата', en: 'idle' }, tone: 'quiet' },
  pairing: { text: { ru: 'ждёт сканирования', en: 'waits for the scan' }, tone: 'busy' },
  qr_expired: { text: { ru: 'коды закончились', en: 'codes ran out' }, tone: 'busy' },
  connecting: { text: { ru: 'соединяется', en: 'connecting' }, tone: 'busy' },
  connected: { text: { ru: 'подключена', en: 'connected' }, tone: 'good' },
  reconnecting: { text: { ru: 'соединяется снова', en: 'reconnecting' }, tone: 'busy' },
  logged_out: { text: { ru: 'устройство удалено', en: 'device removed' }, tone: 'bad' },
};

/** @type {Readonly<Record<string, Sign>>} */
const integrations = {
  pending_whatsapp: { text: { ru: 'ждёт WhatsApp', en: 'waits for WhatsApp' }, tone: 'busy' },
  activating: { text: { ru: 'включается', en: 'activating' }, tone: 'busy' },
  active: { text: { ru: 'работает', en: 'active' }, tone: 'good' },
  activation_failed: { text: { ru: 'не включилась', en: 'activation failed' }, tone: 'bad' },
  frozen: { text: { ru: 'приостановлена', en: 'frozen' }, tone: 'bad' },
  uninstalled: { text: { ru: 'удалена', en: 'uninstalled' }, tone: 'quiet' },
};

/** @param {DemoState} state */
export const showServerStatus = ({ server }) => {
  show('health', health, server.health);
  show('session', sessions, server.session);
  show('integration', integrations, server.integration);
  show('server-phone', {}, server.phone);
};

export const showDisconnected = () => show('health', health, 'unreachable');

/**
 * @param {string} id
 * @param {Readonly<Record<string, Sign>>} signs
 * @param {string | null} value
 */
const show = (id, signs, value) => {
  const plain = value ?? '—';
  const { text, tone } = signs[plain] ?? { text: { ru: plain, en: plain }, tone: 'quiet' };
  const element = byId(id, HTMLElement);
  element.setAttribute('data-tone', tone);
  element.title = plain;
  setText(element, text);
};
