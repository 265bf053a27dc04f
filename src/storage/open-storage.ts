import type { DatabaseAddress } from '../ports/database-address.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { StoredClientReplies } from './repositories/client-replies.ts';
import { StoredBookings } from './repositories/bookings.ts';
import { StoredClientVersion } from './repositories/client-version.ts';
import { StoredCompanies } from './repositories/companies.ts';
import { CompanyCache } from './repositories/company-cache.ts';
import { StoredContacts } from './repositories/contacts.ts';
import { StoredConnectTokens } from './repositories/connect-tokens.ts';
import { StoredCredentials } from './repositories/credentials.ts';
import { openDatabase } from './database/database.ts';
import { StoredEvents } from './repositories/events.ts';
import { StoredLeases } from './repositories/leases.ts';
import { StoredMessages } from './repositories/messages.ts';
import { readMigrations } from './database/migrate.ts';
import { createJobQueue, type OutageListener, type StoppableJobQueue } from './queue/job-queue.ts';
import { defaultRetryPolicies } from './queue/retry-policy.ts';
import { StoredOutgoingWebhooks } from './repositories/outgoing-webhooks.ts';
import { StoredSyncCursors } from './repositories/sync-cursors.ts';
import { StoredReceivedMessages } from './repositories/received-messages.ts';
import { Rpc } from './rpc/client.ts';
import { StoredRestrictions } from './repositories/restrictions.ts';
import { StoredEncryptedValues } from './repositories/encrypted-values.ts';
import { StoredSettings } from './repositories/settings.ts';
import type { ClientReplies } from '../ports/client-replies.ts';
import type { Bookings, SyncCursors } from '../ports/bookings.ts';
import type { Contacts, Messages, Settings } from '../ports/messages.ts';
import type { OutgoingWebhooks } from '../ports/outgoing-webhooks.ts';
import type { ReceivedMessages } from '../ports/received-messages.ts';
import type { Restrictions } from '../ports/restrictions.ts';
import type { Companies, ConnectTokens } from '../ports/companies.ts';
import type { Events } from '../ports/events.ts';
import type { Leases } from '../ports/sessions.ts';

/** An embedded database does one thing after another; what stands in line there, a new webhook has to wait for. */
const maxEmbeddedWebhookConcurrency = 2;

export type StorageOptions = Readonly<{
  database: DatabaseAddress;
  migrationsDirectory: string;
  /** Seals the companies' keys. */
  keyring: Keyring;
  now: () => Date;
  monotonicMs: () => number;
  /** Background trouble and failed attempts of jobs. */
  onError: (error: unknown) => void;
  /** Of the database, as the jobs feel them. */
  outages: OutageListener;
  /** Webhooks worked on at once, where the database can do more than one thing at once. */
  webhookConcurrency: number;
  /** Whether webhooks come so fast that those already taken should wait a little. */
  shouldYieldToInbox: () => boolean;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

/** Everything that is kept, behind the ports of the use cases. */
export type Storage = AsyncDisposable &
  Readonly<{
    companies: Companies;
    events: Events;
    bookings: Bookings;
    messages: Messages;
    clientReplies: ClientReplies;
    contacts: Contacts;
    received: ReceivedMessages;
    webhooks: OutgoingWebhooks;
    settings: Settings;
    leases: Leases;
    syncCursors: SyncCursors;
    restrictions: Restrictions;
    tokens: ConnectTokens;
    credentials: StoredCredentials;
    clientVersion: StoredClientVersion;
    encryptedValues: StoredEncryptedValues;
    /** Its disposal waits for the jobs in hand, which need the rest of the graph: dispose it first. */
    queue: StoppableJobQueue;
    /** How many inserts into the queue gain by running at once. */
    concurrentInserts: number;
    /** Rejects when the database does not answer. */
    ping(): Promise<void>;
  }>;

/** Opens the database, brings its schema up to date and puts the repositories on it. @throws as `openDatabase` */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { keyring, now, monotonicMs, onError, outages, webhookConcurrency, shouldYieldToInbox, random } =
    options;
  await using scope = new AsyncDisposableStack();
  const migrations = await readMigrations(options.migrationsDirectory);
  const database = scope.use(await openDatabase(options.database, { migrations, onError, now }));
  const concurrency = database.exclusive
    ? Math.min(webhookConcurrency, maxEmbeddedWebhookConcurrency)
    : webhookConcurrency;
  const queue = scope.use(
    await createJobQueue({
      database,
      onError,
      outages,
      monotonicMs,
      random,
      shouldYield: (name) => name === 'webhooks' && shouldYieldToInbox(),
      policies: { webhooks: { ...defaultRetryPolicies.webhooks, concurrency } },
    }),
  );
  const rpc = new Rpc(database.supabase);
  const opened = scope.move();
  return {
    companies: new CompanyCache(new StoredCompanies(rpc, keyring)),
    events: new StoredEvents(rpc),
    bookings: new StoredBookings(rpc),
    messages: new StoredMessages(rpc),
    clientReplies: new StoredClientReplies(rpc),
    contacts: new StoredContacts(rpc),
    received: new StoredReceivedMessages(rpc, keyring),
    webhooks: new StoredOutgoingWebhooks(rpc, keyring),
    settings: new StoredSettings(rpc),
    leases: new StoredLeases(rpc),
    syncCursors: new StoredSyncCursors(rpc),
    restrictions: new StoredRestrictions(rpc),
    tokens: new StoredConnectTokens(rpc),
    credentials: new StoredCredentials(rpc),
    clientVersion: new StoredClientVersion(rpc),
    encryptedValues: new StoredEncryptedValues(rpc),
    queue,
    concurrentInserts: database.exclusive ? 1 : 2,
    ping: () => database.ping(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
