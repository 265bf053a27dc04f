import { fetchLatestWaWebVersion } from '@whiskeysockets/baileys';
import type { ClientVersionNumber } from './client-version.ts';

const fetchTimeoutMs = 10_000;

/** The version that web.whatsapp.com serves now; undefined when it cannot be reached or read. */
export async function fetchLatestClientVersion(): Promise<ClientVersionNumber | undefined> {
  const { version, isLatest } = await fetchLatestWaWebVersion({
    signal: AbortSignal.timeout(fetchTimeoutMs),
  });
  return isLatest ? version : undefined;
}
