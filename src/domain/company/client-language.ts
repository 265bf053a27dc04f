import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Language } from '../language.ts';

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

/** Language of a salon's messages, by the country of its phone; Russian when that is unknown. */
export function clientLanguage(salonPhone: string | undefined): Language {
  const country = parsePhoneNumberFromString(salonPhone ?? '', 'RU')?.country;
  return country === undefined || russianSpeakingCountries.has(country) ? 'ru' : 'en';
}
