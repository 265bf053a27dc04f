import { DEFAULT_CONNECTION_CONFIG, type WAVersion, fetchLatestWaWebVersion } from '@whiskeysockets/baileys';
import type { BusinessEvents } from '../../observability/events.ts';

/** A WhatsApp Web version: `[2, 3000, 1043857760]`. */
export type ClientVersionNumber = readonly [number, number, number];

/** Shares the newest known version between instances. */
export interface ClientVersionStore {
  read(): Promise<ClientVersionNumber | undefined>;
  /** Ignores a version older than the stored one. */
  save(version: ClientVersionNumber): Promise<void>;
}

export type ClientVersionDeps = Readonly<{
  /** Pinned by the operator: never replaced. */
  configured: ClientVersionNumber | undefined;
  store: ClientVersionStore | undefined;
  /** The version that WhatsApp serves now; undefined when unknown. */
  fetchLatest: (() => Promise<ClientVersionNumber | undefined>) | undefined;
  report: Pick<BusinessEvents, 'clientVersionRefused' | 'clientVersionReplaced' | 'failed'>;
  monotonicMs: () => number;
}>;

/** Refused sessions retry after at most 15 minutes, so a refusal after this gap starts a new episode and alerts again. */
const refusalEpisodeMs = 60 * 60_000;
/** Minimum time between two fetches. */
const fetchIntervalMs = 5 * 60_000;

/**
 * The WhatsApp Web version that all sessions announce: the pinned one, or else the newer of Baileys' default and the one
 * fetched after WhatsApp refused an older version, as it did worldwide in July 2026.
 */
export class ClientVersion {
  readonly #deps: ClientVersionDeps;
  #current: ClientVersionNumber;
  #refusedAtMs = -Infinity;
  #fetchedAtMs = -Infinity;
  #pendingSearch: Promise<void> | undefined;

  constructor(deps: ClientVersionDeps) {
    this.#deps = deps;
    this.#current = deps.configured ?? libraryVersion();
  }

  get current(): ClientVersionNumber {
    return this.#current;
  }

  /** Loads the stored version. Keeps Baileys' default when the store fails. */
  async load(): Promise<void> {
    if (this.#deps.configured !== undefined) return;
    try {
      this.#adopt(await this.#deps.store?.read());
    } catch (error) {
      this.#deps.report.failed('WhatsApp client version read', error);
    }
  }

  /** Reports that WhatsApp refused this version and looks for a newer one. Never throws. */
  async handleRefused(version: ClientVersionNumber): Promise<void> {
    const { configured, report, monotonicMs } = this.#deps;
    const nowMs = monotonicMs();
    const isNewEpisode = nowMs - this.#refusedAtMs > refusalEpisodeMs;
    this.#refusedAtMs = nowMs;
    if (isNewEpisode) report.clientVersionRefused(formatClientVersion(version), configured !== undefined);
    if (configured !== undefined || isNewer(this.#current, version)) return;
    this.#pendingSearch ??= this.#findNewer().finally(() => (this.#pendingSearch = undefined));
    await this.#pendingSearch;
  }

  async #findNewer(): Promise<void> {
    const { store, fetchLatest, report, monotonicMs } = this.#deps;
    try {
      // Another instance may have found a newer one already.
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
    this.#deps.report.clientVersionReplaced(
      formatClientVersion(this.#current),
      formatClientVersion(candidate),
    );
    this.#current = candidate;
    return true;
  }
}

/** `2,3000,1043857760`, the format of WHATSAPP_VERSION. */
export function formatClientVersion(version: ClientVersionNumber): string {
  return version.join(',');
}

/** A mutable copy in Baileys' type. */
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

/** The version that web.whatsapp.com serves now; undefined when the request fails. */
export async function fetchLatestClientVersion(): Promise<ClientVersionNumber | undefined> {
  const { version, isLatest } = await fetchLatestWaWebVersion({
    signal: AbortSignal.timeout(fetchTimeoutMs),
  });
  return isLatest ? version : undefined;
}
