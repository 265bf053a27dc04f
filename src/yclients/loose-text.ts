import joi from 'joi';

/** A text that YCLIENTS sends as a string, a number or null. */
export type LooseText = string | number | null;

/** Validates an optional text: a missing field, and one of another type, becomes null. */
export const looseText = joi
  .alternatives(joi.string().allow(''), joi.number().unsafe())
  .failover(null)
  .default(null);

/** The text, or undefined when it is null or empty. */
export function nonEmptyText(value: LooseText): string | undefined {
  return value === null || value === '' ? undefined : String(value);
}
