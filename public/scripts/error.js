// @ts-check

import { formatSeconds, secondsLeft } from './shared/countdown.js';
import { byId, setText } from './shared/dom.js';
import { errorAction, unknownErrorCode } from './shared/error-actions.js';
import { startPage } from './shared/page.js';

/** @import { Translate } from './shared/i18n.js' */

const tickMs = 250;
const code = byId('main', HTMLElement).dataset['code'] ?? '';
const action = errorAction(code);
const key = action ? code : unknownErrorCode;
const deadlineMs = action?.kind === 'wait' ? Date.now() + action.defaultSeconds * 1000 : undefined;

/** @type {Translate | undefined} */
let translate;

const render = () => {
  if (!translate) return;
  setText(byId('title', HTMLElement), translate(`errors.${key}.title`));
  setText(byId('text', HTMLElement), translate(`errors.${key}.text`));
  setText(byId('action', HTMLElement), translate(`errors.${key}.action`));
  document.title = translate(`errors.${key}.title`);
  if (deadlineMs === undefined) return;
  const time = formatSeconds(secondsLeft(deadlineMs, Date.now()));
  setText(byId('wait', HTMLElement), translate('pairing.retryIn', { time }));
};

byId('again', HTMLAnchorElement).hidden = action?.kind === 'close' && code !== 'FORBIDDEN';
byId('register', HTMLAnchorElement).hidden = action?.kind !== 'close';

if (deadlineMs !== undefined) {
  const timer = setInterval(() => {
    render();
    if (Date.now() < deadlineMs) return;
    clearInterval(timer);
    location.reload();
  }, tickMs);
}

startPage((newTranslate) => {
  translate = newTranslate;
  render();
}).catch(reportError);
