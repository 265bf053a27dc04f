/** Languages of the pages, error texts and messages; the first is the default. */
export const languages = ['ru', 'en'] as const;

export type Language = (typeof languages)[number];

export function isLanguage(value: unknown): value is Language {
  return languages.some((language) => language === value);
}
