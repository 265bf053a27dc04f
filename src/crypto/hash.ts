import { hash, timingSafeEqual } from 'node:crypto';

/** Lower-case hex SHA-256: how a secret of many random bits is kept and found again. No password belongs here. */
export function sha256Hex(secret: string): string {
  return hash('sha256', secret);
}

/** Compares two secrets in a time that depends on neither their content nor where they differ. */
export function safeEqual(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right));
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** The same parts always give the same UUID. Its layout is version 8: free bits but for version and variant. */
export function deterministicUuid(...parts: readonly unknown[]): string {
  const hex = hash('sha256', JSON.stringify(parts));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
