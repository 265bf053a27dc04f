import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyDatabaseTemplate } from './pglite-template.ts';
import { ServerProcess } from './server-process.ts';
import type { WhatsAppSimulatorOptions } from './simulators/whatsapp/options.ts';
import { WhatsAppSimulator } from './simulators/whatsapp/whatsapp-simulator.ts';
import { YclientsSimulator } from './simulators/yclients/yclients-simulator.ts';

export type StackOptions = Readonly<{
  /** Absent: an embedded database in the server's DATA_DIR. */
  databaseUrl?: string;
  /** Starts on a copy of an empty embedded database instead of creating one, which takes seconds. */
  useDatabaseTemplate?: boolean;
  environment?: Readonly<Record<string, string>>;
  whatsapp?: WhatsAppSimulatorOptions;
  yclientsPort?: number;
}>;

/** The salon of every stack; its application is not installed yet. */
export const demoSalon = {
  id: 510_001,
  title: 'Салон красоты «Ромашка»',
  timeZone: 'Europe/Moscow',
  services: ['Стрижка', 'Окрашивание', 'Маникюр'],
} as const;

export const ownerNumber = '79001112233';
export const clientNumber = '79004445566';
export const adminApiKey = 'demo-admin-key-of-the-simulated-stack';

/** A running server and the simulators it talks to. Disposing it stops all of them and removes its directory. */
export class Stack implements AsyncDisposable {
  readonly whatsapp: WhatsAppSimulator;
  readonly yclients: YclientsSimulator;
  readonly server: ServerProcess;
  /** Holds `data`, `sessions` and `logs` of the server. */
  readonly directory: string;
  readonly #scope: AsyncDisposableStack;

  constructor(
    parts: Readonly<{
      whatsapp: WhatsAppSimulator;
      yclients: YclientsSimulator;
      server: ServerProcess;
      directory: string;
    }>,
    scope: AsyncDisposableStack,
  ) {
    this.whatsapp = parts.whatsapp;
    this.yclients = parts.yclients;
    this.server = parts.server;
    this.directory = parts.directory;
    this.#scope = scope;
  }

  get url(): string {
    return this.server.url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }
}

/**
 * Starts the server in its own process, connected to a simulated WhatsApp and a simulated YCLIENTS on loopback ports, with
 * `demoSalon` and without pacing or debounce. Resolves when the server is ready.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  await using scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'marketplace-'));
  scope.defer(() => rm(directory, { recursive: true, force: true }));
  if (options.useDatabaseTemplate === true) await copyDatabaseTemplate(join(directory, 'data', 'pg'));
  const whatsapp = scope.use(await WhatsAppSimulator.start(options.whatsapp));
  const yclients = scope.use(await YclientsSimulator.start({ port: options.yclientsPort ?? 0 }));
  yclients.addSalon(demoSalon);
  const server = scope.use(
    new ServerProcess(directory, {
      DATA_DIR: join(directory, 'data'),
      SESSIONS_DIR: join(directory, 'sessions'),
      LOG_DIR: join(directory, 'logs'),
      WHATSAPP_WS_URL: whatsapp.url,
      YCLIENTS_API_URL: yclients.url,
      PACING_PROFILE: 'none',
      NOTIFY_DEBOUNCE_SECONDS: '0',
      ADMIN_API_KEY: adminApiKey,
      ...(options.databaseUrl !== undefined && {
        DATABASE_URL: options.databaseUrl,
        INSTANCE_ID: 'test-instance',
      }),
      ...options.environment,
    }),
  );
  await server.start();
  const publicUrl = options.environment?.['PUBLIC_URL'] ?? server.url;
  yclients.setApplication({
    registrationRedirectUrl: `${publicUrl}/marketplace/register`,
    callbackUrl: `${publicUrl}/marketplace/callback`,
  });
  return new Stack({ whatsapp, yclients, server, directory }, scope.move());
}
