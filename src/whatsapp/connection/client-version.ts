import { DEFAULT_CONNECTION_CONFIG, type WAVersion, fetchLatestWaWebVersion } from '@whiskeysockets/baileys';
import type { BusinessEvents } from '../../observability/events.ts';

/** A version of WhatsApp Web, as `[2, 3000, 1043857760]`. */
export type ClientVersionNumber = readonly [number, number, number];

/** Where the version found last is kept for all instances. */
export interface ClientVersionStore {
  read(): Promise<ClientVersionNumber | undefined>;
  /** Keeps the newer of this one and the one it has. */
  save(version: ClientVersionNumber): Promise<void>;
}

export type ClientVersionDeps = Readonly<{
  /** Set by whoever runs the service: never replaced. */
  configured: ClientVersionNumber | undefined;
  store: ClientVersionStore | undefined;
  /** Asks WhatsApp which version it serves now; undefined when it does not say. */
  fetchLatest: (() => Promise<ClientVersionNumber | undefined>) | undefined;
  report: Pick<BusinessEvents, 'clientVersionRefused' | 'clientVersionReplaced' | 'failed'>;
  monotonicMs: () => number;
}>;

/** A refused session tries again after 1, 5 and 15 minutes: a refusal after a longer silence is news. */
const refusalEpisodeMs = 60 * 60_000;
/** For how long what WhatsApp said counts as its answer. */
const fetchIntervalMs = 5 * 60_000;

/**
 * The WhatsApp Web version that all sessions announce: the configured one, else the newest of the library's and the one
 * found when WhatsApp refused an older one, as it did everywhere in July 2026.
 */
export class ClientVersion {
  readonly #options: ClientVersionDeps;
  #current: ClientVersionNumber;
  #refusedAtMs = -Infinity;
  #fetchedAtMs = -Infinity;
  #search: Promise<void> | undefined;

  constructor(options: ClientVersionDeps) {
    this.#options = options;
    this.#current = options.configured ?? libraryVersion();
  }

  get current(): ClientVersionNumber {
    return this.#current;
  }

  /** Takes up what was found before a restart. Without an answer the library's version has to do. */
  async load(): Promise<void> {
    if (this.#options.configured !== undefined) return;
    try {
      this.#adopt(await this.#options.store?.read());
    } catch (error) {
      this.#options.report.failed('WhatsApp client version read', error);
    }
  }

  /** WhatsApp refused a socket that announced this version. Looks for a newer one; never throws. */
  async handleRefused(version: ClientVersionNumber): Promise<void> {
    const { configured, report, monotonicMs } = this.#options;
    const nowMs = monotonicMs();
    const isNewEpisode = nowMs - this.#refusedAtMs > refusalEpisodeMs;
    this.#refusedAtMs = nowMs;
    if (isNewEpisode) report.clientVersionRefused(formatClientVersion(version), configured !== undefined);
    if (configured !== undefined || isNewer(this.#current, version)) return;
    this.#search ??= this.#findNewer().finally(() => (this.#search = undefined));
    await this.#search;
  }

  async #findNewer(): Promise<void> {
    const { store, fetchLatest, report, monotonicMs } = this.#options;
    try {
      // Another instance may have been refused before.
      if (this.#adopt(await store?.read())) return;
      if (monotonicMs() - this.#fetchedAtMs < fetchIntervalMs) return;
      this.#fetchedAtMs = monotonicMs();
      const candidate = await fetchLatest?.();
      if (candidate !== undefined && this.#adopt(candidate)) await store?.save(candidate);
    } catch (error) {
      report.failed('WhatsApp client version lookup', error);
    }
  }

  #adopt(candidate: ClientVersionNumber | undefined): boolean {
    if (candidate === undefined || !isNewer(candidate, this.#current)) return false;
    this.#options.report.clientVersionReplaced(
      formatClientVersion(this.#current),
      formatClientVersion(candidate),
    );
    this.#current = candidate;
    return true;
  }
}

/** As it is written in the configuration: `2,3000,1043857760`. */
export function formatClientVersion(version: ClientVersionNumber): string {
  return version.join(',');
}

/** In the library's type, which it may write to. */
export function toWAVersion(version: ClientVersionNumber): WAVersion {
  return [...version];
}

function libraryVersion(): ClientVersionNumber {
  return [...DEFAULT_CONNECTION_CONFIG.version];
}

function isNewer(left: ClientVersionNumber, right: ClientVersionNumber): boolean {
  const index = left.findIndex((part, position) => part !== right[position]);
  return index !== -1 && (left[index] ?? 0) > (right[index] ?? 0);
}

const fetchTimeoutMs = 10_000;

/** The version that web.whatsapp.com serves now; undefined when it cannot be reached or read. */
export async function fetchLatestClientVersion(): Promise<ClientVersionNumber | undefined> {
  const { version, isLatest } = await fetchLatestWaWebVersion({
    signal: AbortSignal.timeout(fetchTimeoutMs),
  });
  return isLatest ? version : undefined;
}
