// @ts-check
/** @import { Translate } from './i18n.js' */
/** @import { Settings, SettingsAnswer } from './settings-api.js' */

import { byId, setAttribute, setText } from './dom.js';
import { webhookWords } from './outgoing-webhook.js';
import { startPage } from './page.js';
import { safeStorage } from './safe-storage.js';
import { RefusedError, SettingsApi } from './settings-api.js';
import { TemplateEditor } from './template-editor.js';
import { addressWithoutTokens, companyIdOf, takeTokens } from './token.js';

const usualQuietHours = { from: '21:00', to: '09:00' };

const form = byId('settings', HTMLFormElement);
const quiet = byId('quiet', HTMLInputElement);
const quietFrom = byId('quiet-from', HTMLInputElement);
const quietTo = byId('quiet-to', HTMLInputElement);
const shift = byId('shift', HTMLInputElement);
const review = byId('review', HTMLInputElement);
const result = byId('result', HTMLElement);
const refusal = byId('refusal', HTMLElement);

/** @type {Map<string, TemplateEditor>} */
const editors = new Map();
let isChanged = false;

/** @returns {Settings} */
const entered = () => ({
  enabled: Object.fromEntries([...editors].map(([kind, { enabled }]) => [kind, enabled])),
  templates: Object.fromEntries([...editors].map(([kind, { template }]) => [kind, template])),
  quiet_hours: quiet.checked ? { from: quietFrom.value, to: quietTo.value } : null,
  small_shift_minutes: Number(shift.value),
  review_link: review.value.trim() === '' ? null : review.value.trim(),
});

/**
 * @param {SettingsAnswer} answer
 * @param {SettingsApi} api
 * @param {Translate} translate
 */
const fillIn = ({ settings, defaults, variables }, api, translate) => {
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
  quietFrom.value = (settings.quiet_hours ?? usualQuietHours).from;
  quietTo.value = (settings.quiet_hours ?? usualQuietHours).to;
  shift.value = String(settings.small_shift_minutes);
  review.value = settings.review_link ?? '';
  showQuiet();
};

const showQuiet = () => {
  for (const input of [quietFrom, quietTo]) input.disabled = !quiet.checked;
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
    const nobody = document.createElement('li');
    nobody.textContent = translate('settings.nobody');
    items.push(nobody);
  }
  byId('opt-outs', HTMLElement).replaceChildren(...items);
};

/**
 * Whether the salon's own system takes what clients write. If that is not to be known, the rest of the page works.
 * @param {SettingsApi} api
 * @param {Translate} translate
 * @param {string} language
 */
const showWebhook = async (api, translate, language) => {
  const { outgoing_webhook: webhook } = await api.outgoingWebhook();
  const section = byId('webhook', HTMLElement);
  section.hidden = webhook === null;
  if (webhook === null) return;
  const { state, text } = webhookWords(webhook, translate, language);
  setAttribute(section, 'data-state', state);
  setText(byId('webhook-state', HTMLElement), text);
};

const start = async () => {
  const [token = ''] = takeTokens(
    location.href,
    safeStorage(() => window.sessionStorage),
  );
  history.replaceState(history.state, '', addressWithoutTokens(location.href));
  const companyId = companyIdOf(token);
  let language = 'ru';
  /** @type {Translate} */
  let translate = (key) => key;
  const api = new SettingsApi(companyId ?? 0, token, () => language);

  const show = async () => {
    try {
      if (companyId === undefined) throw new RefusedError(translate('errors.INVALID_TOKEN.text'));
      const [answer, { opt_outs: optOuts }] = await Promise.all([api.read(), api.optOuts()]);
      fillIn(answer, api, translate);
      listOptOuts(optOuts, translate, language);
      form.hidden = false;
      showWebhook(api, translate, language).catch(reportError);
    } catch (error) {
      setText(refusal, error instanceof RefusedError ? error.message : translate('settings.unreachable'));
      refusal.hidden = false;
    }
  };

  await startPage((newTranslate, newLanguage) => {
    translate = newTranslate;
    language = newLanguage;
    // What the owner has typed is not thrown away for another language.
    if (!isChanged) void show();
  });

  quiet.addEventListener('change', showQuiet);
  form.addEventListener('input', () => {
    isChanged = true;
    setText(result, translate('settings.unsaved'));
  });
  const save = async () => {
    const button = byId('save', HTMLButtonElement);
    button.disabled = true;
    setText(result, translate('settings.saving'));
    try {
      await api.save(entered());
      isChanged = false;
      setText(result, translate('settings.saved'));
    } catch (error) {
      setText(result, error instanceof RefusedError ? error.message : translate('settings.unreachable'));
    } finally {
      button.disabled = false;
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    save().catch(reportError);
  });
  window.addEventListener('beforeunload', (event) => {
    if (isChanged) event.preventDefault();
  });
};

start().catch(reportError);
