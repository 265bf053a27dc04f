// @ts-check
import { emptyText, setText } from './dom.js';

/**
 * Performs an action in the simulation.
 * @param {Element} outcome shows the reason of a failure
 * @param {string} action
 * @param {Readonly<Record<string, unknown>>} [body]
 * @returns {Promise<boolean>} whether it was done
 */
export const performAction = async (outcome, action, body = {}) => {
  const reason = await failureReason(action, body);
  setText(
    outcome,
    reason === undefined ? emptyText : { ru: `Не получилось: ${reason}`, en: `That failed: ${reason}` },
  );
  return reason === undefined;
};

/**
 * @param {string} action
 * @param {Readonly<Record<string, unknown>>} body
 * @returns {Promise<string | undefined>} undefined when it was done
 */
const failureReason = async (action, body) => {
  try {
    const response = await fetch(`/demo/do/${action}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return response.ok ? undefined : await response.text();
  } catch (error) {
    return String(error);
  }
};
