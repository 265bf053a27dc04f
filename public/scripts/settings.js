// @ts-check
/** @import { Translate } from './shared/i18n.js' */
/** @import { Settings, SettingsResponse } from './settings/settings-api.js' */

import { ApiError, SettingsApi } from './settings/settings-api.js';
import { TemplateEditor } from './settings/template-editor.js';
import { webhookStatusText } from './settings/webhook-status.js';
import { byId, setAttribute, setText } from './shared/dom.js';
import { startPage } from './shared/page.js';
import { safeStorage } from './shared/safe-storage.js';
import { urlWithoutTokens, companyIdFromToken, loadTokens } from './shared/token.js';

const defaultQuietHours = { from: '21:00', to: '09:00' };

const form = byId('settings', HTMLFormElement);
const quiet = byId('quiet', HTMLInputElement);
const quietFrom = byId('quiet-from', HTMLInputElement);
const quietTo = byId('quiet-to', HTMLInputElement);
const shift = byId('shift', HTMLInputElement);
const review = byId('review', HTMLInputElement);
const result = byId('result', HTMLElement);
const loadError = byId('load-error', HTMLElement);

/** @type {Map<string, TemplateEditor>} */
const editors = new Map();
let hasUnsavedChanges = false;

/** @returns {Settings} */
const readForm = () => ({
  enabled: Object.fromEntries([...editors].map(([kind, { enabled }]) => [kind, enabled])),
  templates: Object.fromEntries([...editors].map(([kind, { template }]) => [kind, template])),
  quiet_hours: quiet.checked ? { from: quietFrom.value, to: quietTo.value } : null,
  small_shift_minutes: Number(shift.value),
  review_link: review.value.trim() === '' ? null : review.value.trim(),
});

const updateQuietInputs = () => {
  for (const input of [quietFrom, quietTo]) input.disabled = !quiet.checked;
};

/**
 * @param {SettingsResponse} response
 * @param {SettingsApi} api
 * @param {Translate} translate
 */
const fillForm = ({ settings, defaults, variables }, api, translate) => {
  editors.clear();
  for (const [kind, defaultText] of Object.entries(defaults)) {
    const editor = new TemplateEditor({
      kind,
      enabled: settings.enabled[kind] ?? false,
      template: settings.templates[kind] ?? null,
      defaultText,
      variables: variables[kind] ?? [],
      preview: (template) => api.preview(kind, template),
      translate,
    });
    editors.set(kind, editor);
  }
  byId('kinds', HTMLElement).replaceChildren(...[...editors.values()].map(({ element }) => element));
  quiet.checked = settings.quiet_hours !== null;
  quietFrom.value = (settings.quiet_hours ?? defaultQuietHours).from;
  quietTo.value = (settings.quiet_hours ?? defaultQuietHours).to;
  shift.value = String(settings.small_shift_minutes);
  review.value = settings.review_link ?? '';
  updateQuietInputs();
};

/**
 * @param {{ phone: string, since: string }[]} optOuts
 * @param {Translate} translate
 * @param {string} language
 */
const listOptOuts = (optOuts, translate, language) => {
  const items = optOuts.map(({ phone, since }) => {
    const item = document.createElement('li');
    item.textContent = `${phone}, ${new Date(since).toLocaleDateString(language)}`;
    return item;
  });
  if (items.length === 0) {
    const emptyItem = document.createElement('li');
    emptyItem.textContent = translate('settings.nobody');
    items.push(emptyItem);
  }
  byId('opt-outs', HTMLElement).replaceChildren(...items);
};

/**
 * Shows the delivery state of the outgoing webhook. The rest of the page works without it.
 * @param {SettingsApi} api
 * @param {Translate} translate
 * @param {string} language
 */
const showWebhookStatus = async (api, translate, language) => {
  const { outgoing_webhook: webhook } = await api.outgoingWebhook();
  const section = byId('webhook', HTMLElement);
  section.hidden = webhook === null;
  if (webhook === null) return;
  const { state, text } = webhookStatusText(webhook, translate, language);
  setAttribute(section, 'data-state', state);
  setText(byId('webhook-state', HTMLElement), text);
};

const start = async () => {
  const [token = ''] = loadTokens(
    location.href,
    safeStorage(() => window.sessionStorage),
  );
  history.replaceState(history.state, '', urlWithoutTokens(location.href));
  const companyId = companyIdFromToken(token);
  let language = 'ru';
  /** @type {Translate} */
  let translate = (key) => key;
  const api = new SettingsApi(companyId ?? 0, token, () => language);

  const show = async () => {
    try {
      if (companyId === undefined) throw new ApiError(translate('errors.INVALID_TOKEN.text'));
      const [response, { opt_outs: optOuts }] = await Promise.all([api.read(), api.optOuts()]);
      fillForm(response, api, translate);
      listOptOuts(optOuts, translate, language);
      form.hidden = false;
      showWebhookStatus(api, translate, language).catch(reportError);
    } catch (error) {
      setText(loadError, error instanceof ApiError ? error.message : translate('settings.unreachable'));
      loadError.hidden = false;
    }
  };

  await startPage((newTranslate, newLanguage) => {
    translate = newTranslate;
    language = newLanguage;
    // Reloading the form for another language would discard unsaved input.
    if (!hasUnsavedChanges) void show();
  });

  quiet.addEventListener('change', updateQuietInputs);
  form.addEventListener('input', () => {
    hasUnsavedChanges = true;
    setText(result, translate('settings.unsaved'));
  });
  const save = async () => {
    const button = byId('save', HTMLButtonElement);
    button.disabled = true;
    setText(result, translate('settings.saving'));
    try {
      await api.save(readForm());
      hasUnsavedChanges = false;
      setText(result, translate('settings.saved'));
    } catch (error) {
      setText(result, error instanceof ApiError ? error.message : translate('settings.unreachable'));
    } finally {
      button.disabled = false;
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    save().catch(reportError);
  });
  window.addEventListener('beforeunload', (event) => {
    if (hasUnsavedChanges) event.preventDefault();
  });
};

start().catch(reportError);
