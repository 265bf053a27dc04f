import { AppError, type BilingualText } from '../../domain/errors/app-error.ts';

/** In characters. */
export const maxTemplateLength = 1_000;

export type TemplateProblem = BilingualText;

const placeholder = /\{([^{}\n]*)\}/g;

/** All problems of a template; empty when it is valid with these variables. */
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
      ru: `Неизвестная переменная {${name}}. Можно использовать: ${known}.`,
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

/** Replaces variables. Omits lines whose variables are all empty; leaves unknown variables as they are. */
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
