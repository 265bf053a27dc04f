// @ts-check
/**
 * @import { Model, Screen } from './connection-model.js'
 * @import { Translate } from '../shared/i18n.js'
 */

import { formatDateTime } from '../shared/i18n.js';

/** Server causes that have an explanation in the locales; others are not shown. */
export const causes = /** @type {const} */ ([
  '401',
  '402',
  '402/101',
  '402/102',
  '402/103',
  '402/104',
  '402/106',
  '403',
  '405',
  '406',
  '408',
  '415',
  '418',
  '428',
  '440',
  '500',
  '503',
  'deaf',
  'requested',
  'no_credentials',
  'flapping',
  'store_unavailable',
  'credentials_not_saved',
  'credentials_unreadable',
  'credentials_not_erased',
  'leased_elsewhere',
  'lease_lost',
]);

/** @type {ReadonlySet<string>} */
const knownCauses = new Set(causes);

/** Screens of lasting states. @type {ReadonlySet<Screen>} */
const lastingScreens = new Set([
  'connected',
  'reconnecting',
  'logged_out',
  'passkey_required',
  'banned',
  'conflict',
  'stopped',
  'phone_outdated',
]);

/**
 * The line below the status: why the session is in its state, and since when.
 * @param {Readonly<Model>} model
 * @param {Screen} screen
 * @param {Translate} translate
 * @param {string} language
 * @returns {string} empty if there is nothing to add
 */
export const causeAndSince = ({ cause = '', since = '' }, screen, translate, language) => {
  if (!lastingScreens.has(screen)) return '';
  const time = formatDateTime(since, language);
  const parts = [
    knownCauses.has(cause) ? translate(`causes.${cause}`) : '',
    time === '' ? '' : translate('connect.since', { time }),
  ];
  return parts.filter((part) => part !== '').join(' ');
};
