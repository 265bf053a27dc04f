import { describe, expect, it } from 'vitest';
import { fillTemplate, templateProblems } from '../../../../src/messaging/templates/template.ts';
import { variablesFor } from '../../../../src/messaging/templates/variables.ts';

describe('templateProblems', () => {
  it('names an unknown variable in both languages', () => {
    expect(templateProblems('Ждём {clint} в {time}', variablesFor('confirmation'))).toEqual([
      {
        ru: expect.stringContaining('{clint}') as unknown,
        en: expect.stringContaining('{clint}') as unknown,
      },
    ]);
  });

  it.each([
    ['{old_when}', 'confirmation'],
    ['{review_link}', 'reminder_2h'],
  ] as const)('rejects %s in a %s', (template, kind) => {
    expect(templateProblems(template, variablesFor(kind))).toHaveLength(1);
  });

  it.each(['', '  \n', 'Время {time', 'Время time}', 'x'.repeat(1_001)])('rejects %j', (template) => {
    expect(templateProblems(template, variablesFor('confirmation'))).toHaveLength(1);
  });
});

describe('fillTemplate', () => {
  it('leaves unknown variables as they are, even names of Object.prototype', () => {
    expect(fillTemplate('{constructor} {toString}', {})).toBe('{constructor} {toString}');
  });

  it('omits a line only when all of its variables are empty', () => {
    expect(fillTemplate('a {x}\nb {x}{y}\nc', { x: '', y: '2' })).toBe('b 2\nc');
  });
});
