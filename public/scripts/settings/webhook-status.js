// @ts-check
/**
 * @import { Translate } from '../shared/i18n.js'
 * @import { OutgoingWebhook } from './settings-api.js'
 */

import { formatDateTime } from '../shared/i18n.js';

/**
 * The delivery state of the outgoing webhook and the number of pending messages.
 * @param {OutgoingWebhook} webhook
 * @param {Translate} translate
 * @param {string} language
 * @returns {{ state: 'active' | 'failing' | 'disabled', text: string }}
 */
export const webhookStatusText = (webhook, translate, language) => {
  const { disabled_at: disabledAt, failing_since: failingSince, waiting } = webhook;
  if (disabledAt !== null) {
    const time = formatDateTime(disabledAt, language);
    return { state: 'disabled', text: translate('settings.webhookDisabled', { time }) };
  }
  const pendingText =
    waiting > 0 ? ` ${translate('settings.webhookWaiting', { count: String(waiting) })}` : '';
  if (failingSince === null)
    return { state: 'active', text: `${translate('settings.webhookActive')}${pendingText}` };
  const time = formatDateTime(failingSince, language);
  return { state: 'failing', text: `${translate('settings.webhookFailing', { time })}${pendingText}` };
};
