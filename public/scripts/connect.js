// @ts-check

import { fetchStatus } from './api.js';
import { ConnectView } from './connect-view.js';
import { initialModel, screenOf } from './connection-model.js';
import { byId, setText } from './dom.js';
import { unknownErrorCode } from './error-actions.js';
import { startPage } from './page.js';
import { safeStorage } from './safe-storage.js';
import { Salon } from './salon.js';
import { SalonTabs } from './salon-tabs.js';
import { openLink } from './socket.js';
import { addressWithoutTokens, companyIdOf, takeTokens, tokensInAddress } from './token.js';

/** @import { Translate } from './i18n.js' */

const tickMs = 250;
/** How often an open page asks whether WhatsApp still lets the salon start new chats. */
const statusEveryMs = 60_000;

/** A page without a link of ours: the same face as a link that the server refused. */
const withoutToken = {
  ...initialModel,
  link: /** @type {const} */ ('closed'),
  failure: { code: 'INVALID_TOKEN', message: '', retryAfterSeconds: undefined },
};

const start = async () => {
  const tokens = takeTokens(
    location.href,
    safeStorage(() => window.sessionStorage),
  );
  history.replaceState(history.state, '', addressWithoutTokens(location.href));

  const view = new ConnectView();
  const settingsLink = byId('settings-link', HTMLAnchorElement);
  /** @type {Translate | undefined} */
  let translate;
  let language = 'ru';
  let selected = 0;

  const render = () => {
    if (!translate) return;
    const nowMs = Date.now();
    const shown = salons[selected]?.model ?? withoutToken;
    view.render(shown, nowMs, translate);
    settingsLink.hidden = screenOf(shown, nowMs) !== 'connected';
    settingsLink.href = `/marketplace/settings#token=${salons[selected]?.token ?? ''}`;
    for (const [index, { model }] of salons.entries()) {
      const name = model.title ?? translate('connect.salon', { id: model.salonId ?? String(index + 1) });
      tabs.describe(index, name, screenOf(model, nowMs) === 'connected');
    }
  };

  const salons = tokens.flatMap((token) => {
    const companyId = companyIdOf(token);
    if (companyId === undefined) return [];
    return [
      new Salon({ companyId, token, openLink, fetchStatus, language: () => language, onChange: render }),
    ];
  });
  const tabs = new SalonTabs(
    byId('salons', HTMLElement),
    byId('board', HTMLElement),
    salons.length,
    (index) => {
      selected = index;
      salons[index]?.open();
      render();
    },
  );

  await startPage((newTranslate, newLanguage) => {
    translate = newTranslate;
    language = newLanguage;
    render();
  });

  byId('new-code', HTMLButtonElement).addEventListener('click', () => {
    salons[selected]?.dispatch({ type: 'new-code-pressed' });
  });
  const phone = byId('pairing-phone', HTMLInputElement);
  byId('pairing-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    salons[selected]?.dispatch({ type: 'phone-submitted', typed: phone.value });
    if (phone.ariaInvalid === 'true') phone.focus();
  });
  const copy = byId('copy-code', HTMLButtonElement);
  copy.addEventListener('click', () => {
    const say = (/** @type {string} */ key) => setText(copy, translate?.(key) ?? unknownErrorCode);
    navigator.clipboard.writeText(byId('pairing-code', HTMLOutputElement).value).then(
      () => say('pairing.copied'),
      () => say('pairing.copyFailed'),
    );
  });

  window.addEventListener('online', () => {
    for (const salon of salons) salon.dispatch({ type: 'browser-online' });
  });
  window.addEventListener('hashchange', () => {
    if (tokensInAddress(location.href).length > 0) location.reload();
  });
  setInterval(() => {
    for (const salon of salons) salon.dispatch({ type: 'tick' });
    render();
  }, tickMs);

  setInterval(() => {
    const linked = salons.filter(({ model }) => model.session === 'connected');
    void Promise.all(linked.map((salon) => salon.askStatus()));
  }, statusEveryMs);

  tabs.select(0);
  await Promise.all(salons.map((salon) => salon.askStatus()));
};

start().catch(reportError);
