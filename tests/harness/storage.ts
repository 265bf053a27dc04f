import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { DatabaseAddress } from '../../src/ports/database-address.ts';
import type { Company } from '../../src/domain/company/company.ts';
import { type CompanyId, salonIdFrom } from '../../src/domain/ids.ts';
import type { Message, NewMessage } from '../../src/domain/notification/message.ts';
import { SecretBox } from '../../src/crypto/keyring.ts';
import type { Lease, NewCompany } from '../../src/ports/ports.ts';
import { StoredAnswers } from '../../src/storage/repositories/client-replies.ts';
import { StoredBookings } from '../../src/storage/repositories/bookings.ts';
import { StoredClientVersion } from '../../src/storage/repositories/client-version.ts';
import { StoredCompanies } from '../../src/storage/repositories/companies.ts';
import { StoredContacts } from '../../src/storage/repositories/contacts.ts';
import { StoredConnectTokens } from '../../src/storage/repositories/connect-tokens.ts';
import { StoredCredentialRows } from '../../src/storage/repositories/credentials.ts';
import { openDatabase } from '../../src/storage/database/database.ts';
import type { Database } from '../../src/storage/database/database.ts';
import { StoredEvents } from '../../src/storage/repositories/events.ts';
import { StoredLeases } from '../../src/storage/repositories/leases.ts';
import { StoredMessages } from '../../src/storage/repositories/messages.ts';
import { readMigrations } from '../../src/storage/database/migrate.ts';
import { StoredOutgoingWebhooks } from '../../src/storage/repositories/outgoing-webhooks.ts';
import { StoredReadings } from '../../src/storage/repositories/sync-cursors.ts';
import { StoredReceivedMessages } from '../../src/storage/repositories/received-messages.ts';
import { StoredRestrictions } from '../../src/storage/repositories/restrictions.ts';
import { StoredSealedValues } from '../../src/storage/repositories/encrypted-values.ts';
import { StoredSettings } from '../../src/storage/repositories/settings.ts';
import { Rpc } from '../../src/storage/rpc/client.ts';
import { prepareEmbedded } from './embedded.ts';
import { PostgresServer } from './postgres.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

let phones = 0;

export const migrationsDirectory = path.resolve(import.meta.dirname, '../../supabase/migrations');

/** A place where storage can live, empty unless it is a Supabase project; reopened by the same choice. */
export type Place = Readonly<{ choice: DatabaseAddress }> & AsyncDisposable;

export type Engine = Readonly<{ name: string; make: () => Promise<Place> }>;

/** Where the suites run: both engines always, and a Supabase project when `SUPABASE_TEST_URL` and its kin name one. */
export function engines(): Engine[] {
  return [
    { name: 'the embedded store', make: embeddedPlace },
    { name: 'Postgres', make: postgresPlace },
    ...supabaseEngines(),
  ];
}

async function embeddedPlace(): Promise<Place> {
  const temporary = new TemporaryDirectory();
  const directory = path.join(temporary.path, 'pg');
  await prepareEmbedded(directory);
  return {
    choice: { kind: 'embedded', directory },
    [Symbol.asyncDispose]: async () => temporary[Symbol.dispose](),
  };
}

async function postgresPlace(): Promise<Place> {
  const server = await PostgresServer.start();
  return {
    choice: { kind: 'postgres', url: await server.createDatabase() },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function supabaseEngines(): Engine[] {
  const {
    SUPABASE_TEST_URL: url,
    SUPABASE_TEST_SERVICE_ROLE_KEY: serviceRoleKey,
    SUPABASE_TEST_DATABASE_URL: databaseUrl,
  } = process.env;
  if (url === undefined || serviceRoleKey === undefined || databaseUrl === undefined) return [];
  const choice = { kind: 'supabase', url, serviceRoleKey, databaseUrl } as const;
  return [{ name: 'Supabase', make: async () => ({ choice, [Symbol.asyncDispose]: async () => {} }) }];
}

/** Trouble in the background fails the test that caused it. */
export async function openTestDatabase(choice: DatabaseAddress): Promise<Database> {
  return openDatabase(choice, {
    migrations: await readMigrations(migrationsDirectory),
    now: () => new Date(),
    onError: (error) => {
      throw error;
    },
  });
}

export type Repositories = ReturnType<typeof repositoriesOn>;

export function repositoriesOn(database: Database) {
  const rpc = new Rpc(database.supabase);
  const box = new SecretBox([{ id: 'test', key: Buffer.alloc(32, 7) }]);
  return {
    rpc,
    companies: new StoredCompanies(rpc, box),
    events: new StoredEvents(rpc),
    bookings: new StoredBookings(rpc),
    messages: new StoredMessages(rpc),
    answers: new StoredAnswers(rpc),
    contacts: new StoredContacts(rpc),
    received: new StoredReceivedMessages(rpc, box),
    webhooks: new StoredOutgoingWebhooks(rpc, box),
    settings: new StoredSettings(rpc),
    leases: new StoredLeases(rpc),
    readings: new StoredReadings(rpc),
    restrictions: new StoredRestrictions(rpc),
    tokens: new StoredConnectTokens(rpc),
    credentials: new StoredCredentialRows(rpc),
    clientVersion: new StoredClientVersion(rpc),
    sealedValues: new StoredSealedValues(rpc),
  };
}

/** A salon nobody has registered yet. */
/** A new database of the engine for the suite that calls this, and the repositories on it. */
export function useStore(make: Engine['make']): Readonly<{ database: Database; repositories: Repositories }> {
  const scope = new AsyncDisposableStack();
  let opened: Readonly<{ database: Database; repositories: Repositories }> | undefined;
  const store = () => {
    if (opened === undefined) throw new Error('The store is open while the suite runs');
    return opened;
  };

  beforeAll(async () => {
    const { choice } = scope.use(await make());
    const database = scope.use(await openTestDatabase(choice));
    opened = { database, repositories: repositoriesOn(database) };
  });
  afterAll(() => scope.disposeAsync());

  return {
    get database() {
      return store().database;
    },
    get repositories() {
      return store().repositories;
    },
  };
}

export function newCompany(changes: Partial<NewCompany> = {}): NewCompany {
  return {
    salonId: salonIdFrom(randomInt(1, 2 ** 47)),
    title: 'Студия «Лён»',
    businessType: 'beauty',
    timeZone: 'Europe/Moscow',
    language: 'ru',
    apiKey: randomBytes(16).toString('hex'),
    webhookSecret: randomBytes(16).toString('hex'),
    ...changes,
  };
}

export async function registeredCompany({ companies }: Pick<Repositories, 'companies'>): Promise<Company> {
  return (await companies.createOrFind(newCompany())).company;
}

/** A message that nobody has wanted yet. */
export function newMessage(companyId: CompanyId, changes: Partial<NewMessage> = {}): NewMessage {
  return {
    companyId,
    kind: 'confirmation',
    idempotencyKey: randomUUID(),
    phone: newPhone(),
    text: 'Вы записаны: стрижка, 10 марта, 14:30 — «Лён»',
    recordId: 42,
    ...changes,
  };
}

/** Of somebody whom nobody has written to: messages to one person wait for each other. */
export function newPhone(): string {
  phones += 1;
  return `+7900${String(phones).padStart(7, '0')}`;
}

/** The message as it is stored now. */
export async function enqueued(messages: StoredMessages, message: NewMessage): Promise<Message> {
  const stored = await messages.enqueue(message, 'test');
  if (stored === undefined) throw new Error('The person wants no messages');
  return stored;
}

type ClaimOptions = Parameters<StoredMessages['claim']>[1];
const unhurried: ClaimOptions = { limits: undefined, gapMs: 0, maxAttempts: 3 };

/** The next message under the lease, if one may go now. */
export async function claimed(
  messages: StoredMessages,
  lease: Lease,
  options: Partial<ClaimOptions> = {},
): Promise<Message | undefined> {
  return (await messages.claim(lease, { ...unhurried, ...options })).message;
}

/** When to look again, for a company that may send nothing now. */
export async function nextDueAt(messages: StoredMessages, lease: Lease): Promise<Date | undefined> {
  const claim = await messages.claim(lease, unhurried);
  if (claim.message !== undefined) throw new Error('A message is due now');
  return claim.dueAt;
}
