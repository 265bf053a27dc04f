import { DEFAULT_CONNECTION_CONFIG, type WAVersion } from '@whiskeysockets/baileys';

/** The WhatsApp Web version to announce: the configured one, else the library's own. */
export function clientVersion(configured?: readonly [number, number, number]): WAVersion {
  return [...(configured ?? DEFAULT_CONNECTION_CONFIG.version)];
}
