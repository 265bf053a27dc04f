import { hash } from 'node:crypto';

/** Lower-case hex SHA-256: how a secret of many random bits is kept and found again. No password belongs here. */
export function sha256Hex(secret: string): string {
  return hash('sha256', secret);
}
