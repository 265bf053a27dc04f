import { createHash } from 'node:crypto';

/** The same parts always give the same UUID. Its layout is version 8: free bits but for version and variant. */
export function hashedUuid(...parts: readonly unknown[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-a${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
