import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BufferJSON, type AuthenticationCreds, type SignalDataSet } from '@whiskeysockets/baileys';
import { Client } from 'pg';
import { BaileysClient } from '../dev-env/clients/baileys-client.ts';
import { openTestDatabase } from '../dev-env/test-database.ts';
import { waitFor } from '../dev-env/wait-for.ts';
import { Keyring } from '../src/crypto/keyring.ts';
import { salonIdFrom } from '../src/domain/ids.ts';
import { StoredCompanies } from '../src/storage/repositories/companies.ts';
import { StoredCredentials } from '../src/storage/repositories/credentials.ts';
import { StoredLeases } from '../src/storage/repositories/leases.ts';
import { Rpc } from '../src/storage/rpc/client.ts';
import { CredentialStore, type PlaintextChange } from '../src/whatsapp/credentials/credential-store.ts';
import type { Child } from './child-process.ts';

/** The credentials of one linked session. */
export type Identity = Readonly<{ number: string; creds: AuthenticationCreds; keys: SignalDataSet }>;

const linkConcurrency = 3;

/** Links `count` devices to the simulated WhatsApp with bare Baileys. */
export async function linkDevices(whatsapp: Child, url: string, count: number): Promise<Identity[]> {
  const numbers = Array.from({ length: count }, (_, n) => String(79_100_000_000 + n));
  const waiting = numbers.values();
  const identities: Identity[] = [];
  const scanned = new Set<string>();
  whatsapp.process.on('message', (message: { scanned?: string; error?: string }) => {
    if (message.error !== undefined) throw new Error(`${message.scanned}: ${message.error}`);
    if (message.scanned !== undefined) scanned.add(message.scanned);
  });
  const link = async (number: string): Promise<void> => {
    using client = new BaileysClient(url);
    client.connect();
    whatsapp.send({ number, qr: await client.nextQr() });
    await waitFor(`${number} to be scanned`, () => scanned.has(number), 60_000);
    await client.waitUntilOpen();
    await waitFor('the initial sync', () => client.creds.accountSyncCounter > 0, 40_000);
    identities.push({ number, creds: client.creds, keys: client.keys.all() });
    if (identities.length % 25 === 0) process.stdout.write(`${identities.length} `);
  };
  const worker = async (): Promise<void> => {
    for (const number of waiting) await link(number);
  };
  await Promise.all(Array.from({ length: linkConcurrency }, worker));
  process.stdout.write('\n');
  return identities;
}

/** Writes one file per identity, so that a process loads only the identities it opens. @returns the files */
export function writeIdentities(directory: string, identities: readonly Identity[]): string[] {
  return identities.map((identity) => {
    const file = path.join(directory, `${identity.number}.json`);
    writeFileSync(file, JSON.stringify(identity, BufferJSON.replacer));
    return file;
  });
}

export function readIdentity(file: string): Identity {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written above
  return JSON.parse(readFileSync(file, 'utf8'), BufferJSON.reviver) as Identity;
}

/** Stores the identities in our database as the credentials of active salons. */
export async function storeIdentities(
  databaseUrl: string,
  encryptionKey: Readonly<{ id: string; key: Uint8Array }>,
  identities: readonly Identity[],
): Promise<void> {
  await using database = await openTestDatabase({ kind: 'postgres', url: databaseUrl });
  const rpc = new Rpc(database.supabase);
  const keyring = new Keyring([encryptionKey]);
  const [companies, leases] = [new StoredCompanies(rpc, keyring), new StoredLeases(rpc)];
  const store = new CredentialStore(new StoredCredentials(rpc), keyring);
  for (const [n, { number, creds, keys }] of identities.entries()) {
    const { company } = await companies.createOrFind({
      salonId: salonIdFrom(600_000 + n),
      title: `Salon ${number}`,
      businessType: 'beauty',
      timeZone: 'Europe/Moscow',
      language: 'ru',
      apiKey: `api-key-of-the-benchmark-${number}`,
      webhookSecret: `webhook-secret-of-the-benchmark-${number}`,
    });
    const lease = await leases.acquire(company.id, 'bench', 60_000);
    if (lease === undefined) throw new Error('Lease in an empty database already taken');
    await (await store.open(lease)).write(toCredentialChanges(creds, keys));
    await leases.release(lease);
  }
  // Active salons cause no activation requests, which would disturb the measurement.
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`update companies set integration_status = 'active'`);
  await client.end();
}

function toCredentialChanges(creds: AuthenticationCreds, keys: SignalDataSet): PlaintextChange[] {
  const value = (of: unknown): string => JSON.stringify(of, BufferJSON.replacer);
  return [
    { type: 'creds', id: 'creds', value: value(creds) },
    ...Object.entries(keys).flatMap(([type, values]) =>
      Object.entries(values).map(([id, key]) => ({ type, id, value: value(key) })),
    ),
  ];
}
