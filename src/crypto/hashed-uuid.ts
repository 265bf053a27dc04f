import { hash } from 'node:crypto';

/** The same parts always give the same UUID. Its layout is version 8: free bits but for version and variant. */
export function deterministicUuid(...parts: readonly unknown[]): string {
  const hex = hash('sha256', JSON.stringify(parts));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
