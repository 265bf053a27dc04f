// @ts-check

import { ConnectView } from './connect/connect-view.js';
import { initialModel, currentScreen } from './connect/connection-model.js';
import { SalonTabs } from './connect/salon-tabs.js';
import { Salon } from './connect/salon.js';
import { openSocket } from './connect/socket.js';
import { fetchStatus } from './connect/status-api.js';
import { byId, setText } from './shared/dom.js';
import { unknownErrorCode } from './shared/error-actions.js';
import { startPage } from './shared/page.js';
import { safeStorage } from './shared/safe-storage.js';
import { urlWithoutTokens, companyIdFromToken, loadTokens, tokensInUrl } from './shared/token.js';

/** @import { Translate } from './shared/i18n.js' */

const tickMs = 250;
/** The start and end of a new-chat restriction are not pushed over the socket, so the page polls. */
const statusIntervalMs = 60_000;

/** A missing token shows the same screen as a rejected one. */
const modelWithoutToken = {
  ...initialModel,
  link: /** @type {const} */ ('closed'),
  failure: { code: 'INVALID_TOKEN', message: '', retryAfterSeconds: undefined },
};

const start = async () => {
  const tokens = loadTokens(
    location.href,
    safeStorage(() => window.sessionStorage),
  );
  history.replaceState(history.state, '', urlWithoutTokens(location.href));

  const view = new ConnectView();
  const settingsLink = byId('settings-link', HTMLAnchorElement);
  /** @type {Translate | undefined} */
  let translate;
  let language = 'ru';
  let selected = 0;

  const render = () => {
    if (!translate) return;
    const nowMs = Date.now();
    const selectedModel = salons[selected]?.model ?? modelWithoutToken;
    view.render(selectedModel, nowMs, translate);
    settingsLink.hidden = currentScreen(selectedModel, nowMs) !== 'connected';
    settingsLink.href = `/marketplace/settings#token=${salons[selected]?.token ?? ''}`;
    for (const [index, { model }] of salons.entries()) {
      const name = model.title ?? translate('connect.salon', { id: model.salonId ?? String(index + 1) });
      tabs.update(index, name, currentScreen(model, nowMs) === 'connected');
    }
  };

  const salons = tokens.flatMap((token) => {
    const companyId = companyIdFromToken(token);
    if (companyId === undefined) return [];
    return [
      new Salon({ companyId, token, openSocket, fetchStatus, language: () => language, onChange: render }),
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
    const setLabel = (/** @type {string} */ key) => setText(copy, translate?.(key) ?? unknownErrorCode);
    navigator.clipboard.writeText(byId('pairing-code', HTMLOutputElement).value).then(
      () => setLabel('pairing.copied'),
      () => setLabel('pairing.copyFailed'),
    );
  });

  window.addEventListener('online', () => {
    for (const salon of salons) salon.dispatch({ type: 'reconnect' });
  });
  window.addEventListener('hashchange', () => {
    if (tokensInUrl(location.href).length > 0) location.reload();
  });
  setInterval(() => {
    for (const salon of salons) salon.dispatch({ type: 'tick' });
    render();
  }, tickMs);

  setInterval(() => {
    const linked = salons.filter(({ model }) => model.session === 'connected');
    void Promise.all(linked.map((salon) => salon.refreshStatus()));
  }, statusIntervalMs);

  tabs.select(0);
  await Promise.all(salons.map((salon) => salon.refreshStatus()));
};

start().catch(reportError);
