// @ts-check
/**
 * Whole seconds until a deadline, rounded up so that zero means expired.
 * @param {number} deadlineMs
 * @param {number} nowMs
 */
export const secondsLeft = (deadlineMs, nowMs) => Math.max(0, Math.ceil((deadlineMs - nowMs) / 1000));

/**
 * The remaining share of a lifetime, from 1 down to 0.
 * @param {{ deadlineMs: number, lifetimeMs: number }} span
 * @param {number} nowMs
 */
export const shareLeft = ({ deadlineMs, lifetimeMs }, nowMs) =>
  lifetimeMs > 0 ? Math.min(1, Math.max(0, (deadlineMs - nowMs) / lifetimeMs)) : 0;

/**
 * `0:09`, `2:40`: needs no translation and no plural forms.
 * @param {number} seconds
 */
export const formatSeconds = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
