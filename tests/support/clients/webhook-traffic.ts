import { setTimeout as delay } from 'node:timers/promises';
import type { LinkedSalon } from '../../../dev-env/clients/linked-salon.ts';

/** State of a record in a webhook. `order` grows with the platform's date of change. */
export type PostedWebhook = Readonly<{
  recordId: number;
  kind: 'create' | 'change' | 'noise' | 'delete';
  version: number;
  order: number;
  /** The client's number, digits. */
  phone: string;
  acknowledged: boolean;
}>;

export type TrafficOptions = Readonly<{
  salon: LinkedSalon;
  /** `data` of a record webhook to make others of. */
  template: Readonly<Record<string, unknown>>;
  /** Numbers of the clients, digits. */
  clients: readonly string[];
  random: () => number;
  perSecond: number;
}>;

type LiveRecord = {
  readonly id: number;
  readonly phone: string;
  version: number;
  /** Half hours after the template's visit. */
  shift: number;
  deleted: boolean;
};

const postTimeoutMs = 10_000;
const firstChange = Date.UTC(2026, 0, 1);

/** A word unique to this state of this record. */
export function versionMarker(recordId: number, version: number): string {
  return `Запись-${recordId}-${version}.`;
}

/** Webhooks of a busy salon: most change nothing, some book, move or cancel, some are duplicates. */
export class WebhookTraffic {
  readonly posted: PostedWebhook[] = [];
  readonly #options: TrafficOptions;
  readonly #records: LiveRecord[] = [];
  readonly #bodies: { readonly body: string; readonly metadata: Omit<PostedWebhook, 'acknowledged'> }[] = [];
  #order = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  get records(): readonly Readonly<{ id: number; phone: string }>[] {
    return this.#records;
  }

  /** Posts at the rate until the signal aborts; resolves when every request has ended. */
  async run(stop: AbortSignal): Promise<void> {
    const posts: Promise<void>[] = [];
    const startedMs = performance.now();
    for (let sent = 0; !stop.aborted; sent += 1) {
      posts.push(this.#post(this.#next()));
      const dueMs = startedMs + ((sent + 1) * 1_000) / this.#options.perSecond;
      await delay(Math.max(dueMs - performance.now(), 0), undefined, { signal: stop }).catch(() => undefined);
    }
    await Promise.all(posts);
  }

  #next(): { body: string; metadata: Omit<PostedWebhook, 'acknowledged'> } {
    const dice = this.#options.random();
    const active = this.#records.filter(({ deleted }) => !deleted);
    const record = active[Math.floor(this.#options.random() * active.length)];
    const earlier = this.#bodies[Math.floor(this.#options.random() * this.#bodies.length)];
    if (record === undefined || dice < 0.02) return this.#buildWebhook(this.#newRecord(), 'create');
    if (dice < 0.05) {
      record.version += 1;
      // Every other change is a move as well.
      if (record.version % 2 === 0) record.shift += 1;
      return this.#buildWebhook(record, 'change');
    }
    if (dice < 0.055) {
      record.deleted = true;
      return this.#buildWebhook(record, 'delete');
    }
    return dice < 0.15 && earlier !== undefined ? earlier : this.#buildWebhook(record, 'noise');
  }

  #newRecord(): LiveRecord {
    const { clients } = this.#options;
    const id = 700_000 + this.#records.length;
    const record = { id, phone: clients[id % clients.length] ?? '', version: 0, shift: 0, deleted: false };
    this.#records.push(record);
    return record;
  }

  #buildWebhook(
    record: LiveRecord,
    kind: PostedWebhook['kind'],
  ): { body: string; metadata: Omit<PostedWebhook, 'acknowledged'> } {
    const { salon, template } = this.#options;
    this.#order += 1;
    const changed = new Date(firstChange + this.#order * 1_000).toISOString().replace('.000Z', '+0000');
    const data = {
      ...template,
      ...shiftTimes(template, record.shift),
      id: record.id,
      staff_id: record.version + 1,
      staff: { id: record.version + 1, name: versionMarker(record.id, record.version) },
      client: { id: record.id, name: 'Анна', phone: record.phone },
      comment: `${this.#order}`,
      deleted: record.deleted,
      last_change_date: changed,
    };
    const status = { create: 'create', change: 'update', noise: 'update', delete: 'delete' }[kind];
    const envelope = { company_id: salon.salonId, resource: 'record', resource_id: record.id, status, data };
    const webhook = {
      body: JSON.stringify(envelope),
      metadata: {
        recordId: record.id,
        kind,
        version: record.version,
        order: this.#order,
        phone: record.phone,
      },
    };
    this.#bodies.push(webhook);
    if (this.#bodies.length > 500) this.#bodies.shift();
    return webhook;
  }

  async #post({
    body,
    metadata,
  }: {
    body: string;
    metadata: Omit<PostedWebhook, 'acknowledged'>;
  }): Promise<void> {
    let acknowledged = false;
    try {
      const response = await fetch(this.#options.salon.webhookUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(postTimeoutMs),
      });
      await response.arrayBuffer();
      acknowledged = response.status === 200;
    } catch {
      // The server was killed.
    }
    this.posted.push({ ...metadata, acknowledged });
  }
}

/** The times of a visit some half hours later; the platform writes the local time and the offset. */
function shiftTimes(template: Readonly<Record<string, unknown>>, halfHours: number): Record<string, string> {
  const local = String(template['date']).replace(' ', 'T');
  const start = new Date(Date.parse(`${local}Z`) + halfHours * 1_800_000).toISOString().slice(0, 19);
  return { date: start.replace('T', ' '), datetime: `${start}${String(template['datetime']).slice(19)}` };
}
