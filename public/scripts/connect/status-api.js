// @ts-check
/** @import { Failure, StatusPayload } from '../shared/payloads.js' */

import { readFailure, readStatus } from '../shared/payloads.js';

/**
 * Fetches the status of a company.
 * @param {{ companyId: number, token: string, language: string, signal: AbortSignal }} request
 * @returns {Promise<{ status: StatusPayload } | { failure: Failure }>}
 * @throws {TypeError} when the server cannot be reached
 */
export const fetchStatus = async ({ companyId, token, language, signal }) => {
  const response = await fetch(`/marketplace/status/${companyId}`, {
    headers: { Authorization: `Bearer ${token}`, 'Accept-Language': language },
    cache: 'no-store',
    signal,
  });
  /** @type {unknown} */
  const body = await response.json().catch(() => undefined);
  return response.ok ? { status: readStatus(body) } : { failure: readFailure(body) };
};
