import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { openTestDatabase } from '../../../../dev-env/test-database.ts';
import { type EncryptionKey, Keyring } from '../../../../src/crypto/keyring.ts';
import { companyIdFrom, type CompanyId } from '../../../../src/domain/ids.ts';
import { KeyRotation } from '../../../../src/jobs/key-rotation.ts';
import type { CredentialRepository } from '../../../../src/ports/credentials.ts';
import type { EncryptedValues } from '../../../../src/ports/encrypted-values.ts';
import type { Leases } from '../../../../src/ports/sessions.ts';
import { StoredCompanies } from '../../../../src/storage/repositories/companies.ts';
import { postgres } from '../../../support/fixtures/engines.ts';
import { newCompany, repositoriesOn } from '../../../support/fixtures/storage.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';
import type { SessionHost } from '../../../support/fixtures/whatsapp/session-host.ts';

/** `make resilience` runs it with 20. */
const sessionCount = Number(process.env['KEY_ROTATION_SESSIONS'] ?? 5);
const oldKey: EncryptionKey = { id: 'old-key', key: randomBytes(32) };
const newKey: EncryptionKey = { id: 'new-key', key: randomBytes(32) };
const oldKeyring = new Keyring([oldKey]);
const reconnectsPerSecond = 20;

type Store = Readonly<{
  leases: Leases;
  databaseCredentials?: CredentialRepository;
  newCompany: (index: number) => Promise<CompanyId>;
  encryptedValues: (host: SessionHost) => EncryptedValues;
  /** Occurrences of a key's header in the stored values, counted without the code under test. */
  countKeyHeaders: (host: SessionHost, keyId: string) => Promise<number>;
}> &
  AsyncDisposable;

async function localStore({ leases }: SessionFixture): Promise<Store> {
  return {
    leases,
    newCompany: async (index) => companyIdFrom(100 + index),
    encryptedValues: ({ credentials }) => credentials.encryptedValues,
    countKeyHeaders: async (host, keyId) =>
      (await host.readSessionFiles()).toString('latin1').split(keyId).length - 1,
    [Symbol.asyncDispose]: async () => {},
  };
}

async function postgresStore(): Promise<Store> {
  await using scope = new AsyncDisposableStack();
  const { address } = scope.use(await postgres.make());
  const database = scope.use(await openTestDatabase(address));
  const { rpc, leases, credentials, encryptedValues } = repositoriesOn(database);
  const companies = new StoredCompanies(rpc, oldKeyring);
  const resources = scope.move();
  return {
    leases,
    databaseCredentials: credentials,
    newCompany: async () => (await companies.createOrFind(newCompany())).company.id,
    encryptedValues: () => encryptedValues,
    countKeyHeaders: async (_host, keyId) => {
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
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

type Salon = Readonly<{ company: CompanyId; client: SimulatedPhone }>;

/** Sends messages to the salon's client until `isOver`, from the moment the session is open. @returns their ids */
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

/** WhatsApp acknowledges each message, and the client receives and decrypts it. */
async function expectDelivered(
  fixture: SessionFixture,
  host: SessionHost,
  ids: readonly string[],
): Promise<void> {
  for (const id of ids) await host.waitForMessageStatus(id, 'sent');
  for (const id of ids) await host.waitForMessageStatus(id, 'delivered');
  expect(fixture.whatsapp.log.filter(({ type }) => type === 'undecryptable')).toEqual([]);
}

describe.each([
  { name: 'the local store', open: localStore },
  { name: 'Postgres', open: postgresStore },
])('a key rotation in $name', ({ open }) => {
  it(
    `loses no message of ${sessionCount} sending sessions and leaves nothing under the old key`,
    { timeout: 600_000 },
    async () => {
      await using fixture = await SessionFixture.start();
      await using store = await open(fixture);
      const { leases, databaseCredentials } = store;
      const overrides = {
        leases,
        reconnectsPerSecond,
        ...(databaseCredentials !== undefined && { databaseCredentials }),
      };
      const salons: Salon[] = [];

      const before = fixture.host({ ...overrides, keyring: oldKeyring });
      for (let index = 0; index < sessionCount; index += 1) {
        const company = await store.newCompany(index);

        const client = fixture.whatsapp.phone(`7916600${1000 + index}`);
        salons.push({ company, client });
        await before.link(company, fixture.whatsapp.phone(`7903000${1000 + index}`, `Салон ${index}`));
        await before.manager.sendMessage(company, client.number, 'до смены ключа');
      }
      const loggedOut = await store.newCompany(sessionCount);
      const loggedOutPhone = fixture.whatsapp.phone('79030002000', 'Ушедший салон');
      await before.link(loggedOut, loggedOutPhone);
      loggedOutPhone.removeDevice(1);
      await before.waitForState(loggedOut, 'logged_out');
      await fixture.stop(before);
      const registrations = fixture.countEvents('registration');

      const bothKeys = new Keyring([newKey, oldKey]);
      const host = fixture.host({ ...overrides, keyring: bothKeys });
      const encryptedValues = store.encryptedValues(host);
      expect(await encryptedValues.countStale(bothKeys.currentKeyPrefix)).toBeGreaterThan(sessionCount * 800);
      await using rotation = new KeyRotation({
        stores: [encryptedValues],
        keyring: bothKeys,
        report: host.report,
      });
      let isOver = false;
      await host.manager.initializeManager();
      const [ids] = await Promise.all([
        Promise.all(salons.map((salon) => keepSending(host, salon, () => isOver))),
        rotation.run().finally(() => (isOver = true)),
      ]);
      await expectDelivered(fixture, host, ids.flat());

      expect(rotation.staleCount).toBe(0);
      expect(await store.countKeyHeaders(host, oldKey.id)).toBe(0);
      expect(await store.countKeyHeaders(host, newKey.id)).toBeGreaterThan(sessionCount * 800);
      expect(host.disconnections).toEqual([]);
      expect(host.log.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
      await fixture.stop(host);

      const newKeyHost = fixture.host({ ...overrides, keyring: new Keyring([newKey]) });
      await newKeyHost.manager.initializeManager();
      const after = await Promise.all(salons.map((salon) => keepSending(newKeyHost, salon, () => true)));
      await expectDelivered(fixture, newKeyHost, after.flat());
      expect(newKeyHost.disconnections).toEqual([]);
      expect(newKeyHost.qrCodes).toEqual([]);
      expect(fixture.countEvents('registration')).toBe(registrations);
    },
  );
});
