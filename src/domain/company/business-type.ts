/** Kinds of business with their own message templates. */
export const businessTypes = [
  'beauty',
  'barbershop',
  'nails',
  'medical',
  'sport',
  'auto',
  'education',
  'generic',
] as const;

export type BusinessType = (typeof businessTypes)[number];

/** Tried in this order: specific keywords precede general ones. */
const keywords: readonly (readonly [BusinessType, RegExp])[] = [
  ['barbershop', /барбер|barber|мужск\S* (?:стриж|зал)|борода|beard/u],
  ['nails', /маникюр|педикюр|ногт|nail|manicure|pedicure/u],
  ['medical', /стомат|клиник|медиц|врач|доктор|массаж|dent|clinic|medic|doctor|massage|physio/u],
  ['sport', /фитнес|йога|пилатес|спорт|трениров|танц|fitness|yoga|pilates|sport|gym|dance/u],
  ['auto', /авто|шиномонтаж|мойк|детейлинг|car ?wash|\bauto|tyre|detailing/u],
  ['education', /школ|курсы|обучен|репетитор|урок|school|course|lesson|tutor|education/u],
  [
    'beauty',
    /салон красоты|красот|парикмах|космет|стриж|окраш|бров|ресниц|эпиляц|шугаринг|спа\b|beauty|hair|cosmet|brow|lash|epilat|\bspa\b/u,
  ],
];

/**
 * Detects the kind of business from the title of its YCLIENTS type, then from the salon's title, description and services,
 * in Russian or English. The numeric ids of YCLIENTS types are not documented.
 */
export function detectBusinessType(
  salon: Readonly<{
    title: string;
    shortDescription: string;
    businessTypeTitle: string | undefined;
    serviceTitles: readonly string[];
  }>,
): BusinessType {
  const sources = [
    salon.businessTypeTitle ?? '',
    salon.title,
    salon.shortDescription,
    salon.serviceTitles.join(' '),
  ];
  for (const source of sources) {
    const text = source.toLowerCase();
    const match = keywords.find(([, pattern]) => pattern.test(text));
    if (match !== undefined) return match[0];
  }
  return 'generic';
}
