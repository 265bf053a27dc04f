import { fetchLatestWaWebVersion } from '@whiskeysockets/baileys';
import type { ClientVersionNumber } from './client-version.ts';

const answerTimeoutMs = 10_000;

/** The version that web.whatsapp.com serves now; undefined when it cannot be reached or read. */
export async function latestClientVersion(): Promise<ClientVersionNumber | undefined> {
  const { version, isLatest } = await fetchLatestWaWebVersion({
    signal: AbortSignal.timeout(answerTimeoutMs),
  });
  return isLatest ? version : undefined;
}
