import type { proto } from '@whiskeysockets/baileys';

/** Version that a client announces, such as 2.3000.1043857760. */
export type ClientVersion = readonly [primary: number, secondary: number, tertiary: number];

export function announcedVersion(payload: proto.ClientPayload): ClientVersion {
  const version = payload.userAgent?.appVersion;
  return [version?.primary ?? 0, version?.secondary ?? 0, version?.tertiary ?? 0];
}

export function isOlder(version: ClientVersion, than: ClientVersion): boolean {
  for (const [index, part] of version.entries()) {
    const other = than[index] ?? 0;
    if (part !== other) return part < other;
  }
  return false;
}
