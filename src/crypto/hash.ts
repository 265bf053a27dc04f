import { hash, timingSafeEqual } from 'node:crypto';

/** Lower-case hex SHA-256, for storing and looking up secrets of high entropy. Not for passwords. */
export function sha256Hex(secret: string): string {
  return hash('sha256', secret);
}

/** Compares two secrets in constant time, also if their lengths differ. */
export function safeEqual(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right));
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** UUID version 8 (RFC 9562) from the SHA-256 of the parts. */
export function deterministicUuid(...parts: readonly unknown[]): string {
  const hex = hash('sha256', JSON.stringify(parts));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
