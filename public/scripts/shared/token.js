// @ts-check
const storageKey = 'marketplace.tokens';

/**
 * The connect tokens of a page URL: `#token=…`, `#tokens=a,b` for several salons, and `?token=` of old links.
 * @param {string} address
 * @returns {string[]} without duplicates, in URL order
 */
export const tokensInUrl = (address) => {
  const url = new URL(address);
  const found = [new URLSearchParams(url.hash.slice(1)), url.searchParams].flatMap((parameters) => [
    ...parameters.getAll('token'),
    ...parameters.getAll('tokens').flatMap((list) => list.split(',')),
  ]);
  return [...new Set(found.map((token) => token.trim()).filter((token) => token !== ''))];
};

/**
 * The same URL without tokens, for the address bar and the history.
 * @param {string} address
 * @returns {string}
 */
export const urlWithoutTokens = (address) => {
  const url = new URL(address);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const hasToken = fragment.has('token') || fragment.has('tokens');
  for (const name of ['token', 'tokens']) {
    fragment.delete(name);
    url.searchParams.delete(name);
  }
  if (hasToken) url.hash = fragment.toString();
  return url.href;
};

/**
 * The company id of a token. The server verifies the signature; the page only needs the id for its requests.
 * @param {string} token a JWT
 * @returns {number | undefined} undefined if the text is not a connect token
 */
export const companyIdFromToken = (token) => {
  try {
    const payload = token.split('.')[1] ?? '';
    const binary = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
    const json = new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
    /** @type {unknown} */
    const claims = JSON.parse(json);
    if (typeof claims !== 'object' || claims === null || !('company_id' in claims)) return undefined;
    const { company_id: companyId } = claims;
    return typeof companyId === 'number' && Number.isSafeInteger(companyId) && companyId > 0
      ? companyId
      : undefined;
  } catch {
    return undefined;
  }
};

/**
 * The tokens of the URL, which are stored for a reload of this tab; without any, the stored ones.
 * @param {string} address
 * @param {Pick<Storage, 'getItem' | 'setItem'>} storage
 * @returns {string[]}
 */
export const loadTokens = (address, storage) => {
  const tokens = tokensInUrl(address);
  if (tokens.length > 0) {
    storage.setItem(storageKey, tokens.join(','));
    return tokens;
  }
  return (storage.getItem(storageKey) ?? '').split(',').filter((token) => token !== '');
};
