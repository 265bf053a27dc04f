/** Kinds of business that the message templates know. */
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
