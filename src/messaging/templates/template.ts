import { AppError, type BilingualText } from '../../domain/errors/app-error.ts';

/** Longest template, in characters. */
export const maxTemplateLength = 1_000;

/** What is wrong with a template, for its author. */
export type TemplateProblem = BilingualText;

const placeholder = /\{([^{}\n]*)\}/g;

/** Every problem of a template; none when it can be used with these variables. */
export function templateProblems(template: string, variables: readonly string[]): readonly TemplateProblem[] {
  const problems: TemplateProblem[] = [];
  if (template.trim() === '') problems.push({ ru: 'Текст пуст.', en: 'The text is empty.' });
  if (template.length > maxTemplateLength) {
    problems.push({
      ru: `Текст длиннее ${maxTemplateLength} знаков: ${template.length}.`,
      en: `The text is longer than ${maxTemplateLength} characters: ${template.length}.`,
    });
  }
  const known = variables.map((name) => `{${name}}`).join(', ');
  for (const name of new Set([...template.matchAll(placeholder)].map(([, inner = '']) => inner))) {
    if (variables.includes(name)) continue;
    problems.push({
      ru: `Неизвестная переменная {${name}}. Здесь есть: ${known}.`,
      en: `Unknown variable {${name}}. Available: ${known}.`,
    });
  }
  if (/[{}]/.test(template.replaceAll(placeholder, ''))) {
    problems.push({
      ru: 'Фигурная скобка без пары: переменные пишутся так: {time}.',
      en: 'Unmatched brace: variables are written like {time}.',
    });
  }
  return problems;
}

/** @throws AppError `VALIDATION_ERROR` with the first problem */
export function assertTemplate(template: string, variables: readonly string[]): void {
  const [problem] = templateProblems(template, variables);
  if (problem !== undefined) throw new AppError('VALIDATION_ERROR', { text: problem });
}

/** Puts the values in. A line that has variables, all of them empty, is left out; unknown variables stay as they are. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  const lookup = (name: string): string | undefined =>
    Object.hasOwn(values, name) ? values[name] : undefined;
  return template
    .split('\n')
    .filter((line) => {
      const names = [...line.matchAll(placeholder)].map(([, name = '']) => name);
      return names.length === 0 || names.some((name) => lookup(name) !== '');
    })
    .map((line) => line.replaceAll(placeholder, (match, name: string) => lookup(name) ?? match))
    .join('\n')
    .trim();
}
