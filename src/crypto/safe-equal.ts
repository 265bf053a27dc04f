import { hash, timingSafeEqual } from 'node:crypto';

/** Compares two secrets in a time that depends on neither their content nor where they differ. */
export function safeEqual(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right));
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
