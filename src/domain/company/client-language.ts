import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Language } from '../language.ts';

/** Countries in which a salon's clients are written to in Russian. */
const russianSpeakingCountries: ReadonlySet<string> = new Set([
  'RU',
  'BY',
  'KZ',
  'KG',
  'UZ',
  'TJ',
  'TM',
  'AM',
  'AZ',
  'GE',
  'MD',
  'UA',
]);

/** The language of a salon's messages, told by the country of its own phone; Russian when that says nothing. */
export function clientLanguage(salonPhone: string | undefined): Language {
  const country = parsePhoneNumberFromString(salonPhone ?? '', 'RU')?.country;
  return country === undefined || russianSpeakingCountries.has(country) ? 'ru' : 'en';
}
