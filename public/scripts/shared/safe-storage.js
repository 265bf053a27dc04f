// @ts-check
/**
 * Browser storage with an in-memory fallback where the browser denies it (blocked cookies, third-party frames).
 * @param {() => Storage} open such as `() => window.sessionStorage`; reading the property may throw
 * @returns {Pick<Storage, 'getItem' | 'setItem'>}
 */
export const safeStorage = (open) => {
  /** @type {Map<string, string>} */
  const memory = new Map();
  const attempt = (/** @type {(storage: Storage) => string | null | void} */ use) => {
    try {
      return use(open()) ?? null;
    } catch {
      return null;
    }
  };
  return {
    getItem: (key) => memory.get(key) ?? attempt((storage) => storage.getItem(key)),
    setItem: (key, value) => {
      memory.set(key, value);
      attempt((storage) => storage.setItem(key, value));
    },
  };
};
