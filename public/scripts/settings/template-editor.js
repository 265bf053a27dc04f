// @ts-check
/** @import { Translate } from '../shared/i18n.js' */
/** @import { Preview } from './settings-api.js' */

const previewDelayMs = 300;

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 * @param {string} [text]
 */
const createElement = (tag, className, text = '') => {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
};

/** The editor of one message kind: its switch, its text and a preview. */
export class TemplateEditor {
  /** @type {HTMLElement} */
  element;
  #defaultText;
  #preview;
  #switch = document.createElement('input');
  #text = document.createElement('textarea');
  #previewText = createElement('p', 'preview');
  #length = createElement('p', 'hint');
  #problem = createElement('p', 'problem');
  /** @type {Translate} */
  #translate;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {{
   *   kind: string,
   *   enabled: boolean,
   *   template: string | null,
   *   defaultText: string,
   *   variables: { name: string, description: string }[],
   *   preview: (template: string) => Promise<Preview>,
   *   translate: Translate,
   * }} options
   */
  constructor({ kind, enabled, template, defaultText, variables, preview, translate }) {
    this.#defaultText = defaultText;
    this.#preview = preview;
    this.#translate = translate;
    this.element = createElement('div', 'kind');
    this.element.dataset['kind'] = kind;
    this.#switch.type = 'checkbox';
    this.#switch.checked = enabled;
    this.#text.value = template ?? defaultText;
    this.#text.rows = 6;
    this.#text.spellcheck = true;
    this.#text.setAttribute('aria-label', translate(`settings.kinds.${kind}`));
    this.#problem.id = `problem-${kind}`;
    this.#problem.role = 'alert';
    this.#text.setAttribute('aria-describedby', this.#problem.id);
    this.#text.addEventListener('input', () => this.#schedulePreview());

    const label = createElement('label', 'check');
    label.append(this.#switch, createElement('span', '', translate(`settings.kinds.${kind}`)));
    const reset = createElement('button', 'reset', translate('settings.reset'));
    reset.type = 'button';
    reset.addEventListener('click', () => this.#insert(defaultText, true));
    const details = document.createElement('details');
    details.append(
      createElement('summary', '', translate('settings.text')),
      this.#text,
      this.#problem,
      this.#createVariableButtons(variables),
      reset,
      createElement('h3', '', translate('settings.preview')),
      this.#previewText,
      this.#length,
    );
    details.addEventListener('toggle', () => this.#schedulePreview());
    this.element.append(label, details);
  }

  get enabled() {
    return this.#switch.checked;
  }

  /** Null if the text is the default. */
  get template() {
    const text = this.#text.value.replaceAll('\r\n', '\n');
    return text === this.#defaultText ? null : text;
  }

  /** @param {{ name: string, description: string }[]} variables */
  #createVariableButtons(variables) {
    const list = createElement('div', 'variables');
    for (const { name, description } of variables) {
      const button = createElement('button', '', `{${name}}`);
      button.type = 'button';
      button.title = description;
      button.setAttribute('aria-label', `{${name}}: ${description}`);
      button.addEventListener('click', () => this.#insert(`{${name}}`, false));
      list.append(button);
    }
    return list;
  }

  /**
   * @param {string} text
   * @param {boolean} replace true to replace the whole text, false to insert at the cursor
   */
  #insert(text, replace) {
    if (replace) this.#text.value = text;
    else this.#text.setRangeText(text, this.#text.selectionStart, this.#text.selectionEnd, 'end');
    this.#text.focus();
    this.#text.dispatchEvent(new Event('input', { bubbles: true }));
  }

  #schedulePreview() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#updatePreview().catch(reportError), previewDelayMs);
  }

  async #updatePreview() {
    const template = this.#text.value;
    const { text, length, problems } = await this.#preview(template);
    if (template !== this.#text.value) return;
    this.#previewText.textContent = text;
    this.#length.textContent = this.#translate('settings.length', { length: String(length) });
    this.#problem.textContent = problems.join(' ');
    this.#text.ariaInvalid = String(problems.length > 0);
  }
}
