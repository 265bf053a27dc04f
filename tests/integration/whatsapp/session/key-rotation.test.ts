import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { companyIdFrom, type CompanyId } from '../../../../src/domain/ids.ts';
import { type EncryptionKey, Keyring } from '../../../../src/crypto/keyring.ts';
import { KeyRotation } from '../../../../src/jobs/key-rotation.ts';
import type { EncryptedValues } from '../../../../src/ports/encrypted-values.ts';
import { StoredCompanies } from '../../../../src/storage/repositories/companies.ts';
import type { CredentialRepository } from '../../../../src/whatsapp/credentials/credential-store.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { SessionHost } from '../../../support/fixtures/session-host.ts';
import { SessionFixture } from '../../../support/fixtures/session-fixture.ts';
import { newCompany, repositoriesOn } from '../../../support/fixtures/storage.ts';
import { postgres } from '../../../support/fixtures/engines.ts';
import { openTestDatabase } from '../../../../dev-env/test-database.ts';
import type { Leases } from '../../../../src/ports/sessions.ts';

/** `make resilience` runs it with 20. */
const sessions = Number(process.env['KEY_ROTATION_SESSIONS'] ?? 5);
const oldKey: EncryptionKey = { id: 'key-of-before', key: randomBytes(32) };
const newKey: EncryptionKey = { id: 'key-of-today', key: randomBytes(32) };
const oldBox = new Keyring([oldKey]);
const reconnectsPerSecond = 20;

type Store = Readonly<{
  leases: Leases;
  databaseCredentials?: CredentialRepository;
  newCompany: (index: number) => Promise<CompanyId>;
  sealed: (host: SessionHost) => EncryptedValues;
  /** How often the header of a key is found in what is stored, asked without the code under test. */
  traces: (host: SessionHost, keyId: string) => Promise<number>;
}> &
  AsyncDisposable;

async function localStore({ leases }: SessionFixture): Promise<Store> {
  return {
    leases,
    newCompany: async (index) => companyIdFrom(100 + index),
    sealed: ({ credentials }) => credentials.encryptedValues,
    traces: async (host, keyId) => (await host.readSessionFiles()).toString('latin1').split(keyId).length - 1,
    [Symbol.asyncDispose]: async () => {},
  };
}

async function postgresStore(): Promise<Store> {
  await using scope = new AsyncDisposableStack();
  const { address } = scope.use(await postgres.make());
  const database = scope.use(await openTestDatabase(address));
  const { rpc, leases, credentials, encryptedValues } = repositoriesOn(database);
  const companies = new StoredCompanies(rpc, oldBox);
  const opened = scope.move();
  return {
    leases,
    databaseCredentials: credentials,
    newCompany: async () => (await companies.createOrFind(newCompany())).company.id,
    sealed: () => encryptedValues,
    traces: async (_host, keyId) => {
      const [row] = await database.sql.transaction((session) =>
        session.query(
          `select count(*)::int as found from (
             select value from public.whatsapp_credentials union all select value from public.whatsapp_quarantine
             union all select api_key from public.company_secrets
             union all select webhook_secret from public.company_secrets
           ) as sealed where position(convert_to($1, 'UTF8') in value) > 0`,
          [keyId],
        ),
      );
      return Number(row?.['found']);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

type Salon = Readonly<{ company: CompanyId; client: SimulatedPhone }>;

/** Writes to the salon's client again and again, as soon as the session is open. @returns the ids */
async function keepSending(host: SessionHost, { company, client }: Salon, isOver: () => boolean) {
  await host.waitForState(company, 'connected', 120_000);
  const ids: string[] = [];
  while (!isOver() || ids.length < 3) {
    const { messageId } = await host.manager.sendMessage(company, client.number, `№ ${ids.length + 1}`);
    ids.push(messageId);
    await delay(150);
  }
  return ids;
}

/** WhatsApp acknowledges each, and the client reads it. */
async function allArrive(fixture: SessionFixture, host: SessionHost, ids: readonly string[]): Promise<void> {
  for (const id of ids) await host.waitForMessageStatus(id, 'sent');
  for (const id of ids) await host.waitForMessageStatus(id, 'delivered');
  expect(fixture.whatsapp.log.filter(({ type }) => type === 'undecryptable')).toEqual([]);
}

describe.each([
  { name: 'the local store', open: localStore },
  { name: 'Postgres', open: postgresStore },
])('a change of the encryption key in $name', ({ open }) => {
  it(
    `while ${sessions} sessions send drops none, and leaves nothing under the old key`,
    { timeout: 600_000 },
    async () => {
      await using fixture = await SessionFixture.start();
      await using store = await open(fixture);
      const { leases, databaseCredentials } = store;
      const choices = {
        leases,
        reconnectsPerSecond,
        ...(databaseCredentials !== undefined && { databaseCredentials }),
      };
      const salons: Salon[] = [];

      const before = fixture.host({ ...choices, keyring: oldBox });
      for (let index = 0; index < sessions; index += 1) {
        const company = await store.newCompany(index);

        const client = fixture.whatsapp.phone(`7916600${1000 + index}`);
        salons.push({ company, client });
        await before.link(company, fixture.whatsapp.phone(`7903000${1000 + index}`, `Салон ${index}`));
        await before.manager.sendMessage(company, client.number, 'до смены ключа');
      }
      const refused = await store.newCompany(sessions);
      const gone = fixture.whatsapp.phone('79030002000', 'Ушедший салон');
      await before.link(refused, gone);
      gone.removeDevice(1);
      await before.waitForState(refused, 'logged_out');
      await fixture.stop(before);
      const registrations = fixture.countEvents('registration');

      const bothKeys = new Keyring([newKey, oldKey]);
      const host = fixture.host({ ...choices, keyring: bothKeys });
      const sealed = store.sealed(host);
      expect(await sealed.countStale(bothKeys.currentKeyPrefix)).toBeGreaterThan(sessions * 800);
      await using rotation = new KeyRotation({ stores: [sealed], keyring: bothKeys, report: host.report });
      let isOver = false;
      await host.manager.initializeManager();
      const [ids] = await Promise.all([
        Promise.all(salons.map((salon) => keepSending(host, salon, () => isOver))),
        rotation.run().finally(() => (isOver = true)),
      ]);
      await allArrive(fixture, host, ids.flat());

      expect(rotation.staleCount).toBe(0);
      expect(await store.traces(host, oldKey.id)).toBe(0);
      expect(await store.traces(host, newKey.id)).toBeGreaterThan(sessions * 800);
      expect(host.disconnections).toEqual([]);
      expect(host.log.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
      await fixture.stop(host);

      const alone = fixture.host({ ...choices, keyring: new Keyring([newKey]) });
      await alone.manager.initializeManager();
      const after = await Promise.all(salons.map((salon) => keepSending(alone, salon, () => true)));
      await allArrive(fixture, alone, after.flat());
      expect(alone.disconnections).toEqual([]);
      expect(alone.qrCodes).toEqual([]);
      expect(fixture.countEvents('registration')).toBe(registrations);
    },
  );
});
