import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CompanyId } from '../../src/domain/ids.ts';
import type { MessageStatus } from '../../src/domain/notification/message.ts';
import type { SessionState } from '../../src/domain/company/session-state.ts';
import type { SecretBox } from '../../src/crypto/keyring.ts';
import { Outage } from '../../src/lib/async/outage-monitor.ts';
import type { Leases, PairingCode, QrCode, WhatsAppEvents } from '../../src/ports/ports.ts';
import { createBusinessEvents } from '../../src/observability/events.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import type { BaileysManagerOptions } from '../../src/whatsapp/baileys-manager-options.ts';
import { BaileysManager } from '../../src/whatsapp/baileys-manager.ts';
import { SqliteCredentialRows } from '../../src/whatsapp/credentials/sqlite-credentials.ts';
import type { QuarantiningRows } from '../../src/whatsapp/credentials/credential-store.ts';
import type { SessionTimings } from '../../src/whatsapp/timeouts.ts';
import { WatchedCredentialRows } from '../../src/whatsapp/credentials/monitored-credentials.ts';
import type { SimulatedPhone } from '../simulators/whatsapp/simulated-phone.ts';
import { captureLog, noFigures } from './captured-log.ts';
import { waitFor } from './wait-for.ts';

/** As fast as tests need it, in the proportions of production. */
const quickTimings: Partial<SessionTimings> = {
  backoffFirstMs: 100,
  backoffMaxMs: 400,
  leaseRetryMs: 200,
  backoffLongMaxMs: 400,
};

type HostOptions = Readonly<{
  directory: string;
  box: SecretBox;
  leases: Leases;
  owner: string;
  webSocketUrl: string;
  timings?: Partial<SessionTimings>;
  /** Absent: credentials are in the directory. */
  databaseRows?: QuarantiningRows;
}> &
  Partial<Pick<BaileysManagerOptions, 'getMessage' | 'version' | 'versionMemory' | 'latestVersion' | 'now'>>;

/** A manager on its own credential file, and everything that it told. */
export class SessionHost implements AsyncDisposable {
  readonly log = captureLog();
  readonly metrics = createMetrics(noFigures);
  readonly report = createBusinessEvents(this.log, this.metrics);
  readonly rows: SqliteCredentialRows;
  readonly manager: BaileysManager;
  readonly qrCodes: QrCode[] = [];
  readonly pairingCodes: PairingCode[] = [];
  readonly states: SessionState[] = [];
  readonly connections: WhatsAppEvents['connected'][1][] = [];
  readonly disconnections: { reason: string; willReconnect: boolean }[] = [];
  readonly #statuses = new Map<string, { status: MessageStatus; errorCode?: string }[]>();
  readonly #directory: string;

  constructor(options: HostOptions) {
    const { directory, databaseRows, getMessage, timings, ...rest } = options;
    this.#directory = directory;
    this.rows = new SqliteCredentialRows(directory);
    const rows = databaseRows ?? this.rows;
    const outage = new Outage(
      {
        began: (error) => this.report.credentialsNotSaved(error),
        ended: (lastedMs) => this.report.credentialsSavedAgain(lastedMs),
      },
      () => performance.now(),
    );
    this.manager = new BaileysManager({
      now: () => new Date(),
      ...rest,
      rows: new WatchedCredentialRows(rows, outage),
      logger: this.log,
      report: this.report,
      monotonicNow: () => performance.now(),
      random: Math.random,
      getMessage: getMessage ?? (async () => undefined),
      timings: { ...quickTimings, ...timings },
    });
    this.manager.on('qr', (_companyId, code) => this.qrCodes.push(code));
    this.manager.on('pairing-code', (_companyId, code) => this.pairingCodes.push(code));
    this.manager.on('state', (_companyId, { state }) => this.states.push(state));
    this.manager.on('connected', (_companyId, connection) => this.connections.push(connection));
    this.manager.on('disconnected', (_companyId, reason, willReconnect) =>
      this.disconnections.push({ reason, willReconnect }),
    );
    this.manager.on('message-status', (_companyId, { whatsappMessageId, ...update }) => {
      this.#statuses.set(whatsappMessageId, [...this.statusesOf(whatsappMessageId), update]);
    });
  }

  statusesOf(messageId: string): { status: MessageStatus; errorCode?: string }[] {
    return this.#statuses.get(messageId) ?? [];
  }

  /** Links the company to the phone by the first QR code, and waits until the session is open. */
  async link(companyId: CompanyId, phone: SimulatedPhone): Promise<void> {
    const { text } = await this.manager.generateQRForCompany(companyId);
    await phone.scan(text);
    await this.reaches(companyId, 'connected');
  }

  async reaches(companyId: CompanyId, state: SessionState, timeoutMs = 10_000): Promise<void> {
    await waitFor(
      `company ${companyId} to be ${state}`,
      () => this.manager.getSessionStatus(companyId).state === state,
      timeoutMs,
    );
  }

  async hears(messageId: string, status: MessageStatus): Promise<void> {
    await waitFor(`message ${messageId} to be ${status}`, () =>
      this.statusesOf(messageId).some((update) => update.status === status),
    );
  }

  /** Everything in the sessions directory, as bytes. */
  async filesOnDisk(): Promise<Buffer> {
    const names = await readdir(this.#directory);
    return Buffer.concat(await Promise.all(names.map((name) => readFile(join(this.#directory, name)))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.close();
    this.rows[Symbol.dispose]();
  }
}
