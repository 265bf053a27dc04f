import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SecretBox } from '../../src/lib/secret-box.ts';
import { KeyRotation } from '../../src/marketplace/key-rotation.ts';
import { createBusinessEvents } from '../../src/observability/events.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { StoredCompanies } from '../../src/storage/companies.ts';
import { CredentialStore } from '../../src/whatsapp/credential-store.ts';
import { captureLog, noFigures } from '../harness/captured-log.ts';
import { engines, newCompany, useStore } from '../harness/storage.ts';

const oldKey = { id: 'old', key: randomBytes(32) };
const newKey = { id: 'new', key: randomBytes(32) };
const oldBox = new SecretBox([oldKey]);
const bothKeys = new SecretBox([newKey, oldKey]);
const newAlone = new SecretBox([newKey]);

describe.each(engines())('values sealed in $name', ({ make, name }) => {
  const store = useStore(make);

  async function linkedSalon() {
    const { rpc, leases, credentials: rows } = store.repositories;
    const salon = newCompany();
    const { company } = await new StoredCompanies(rpc, oldBox).createOrFind(salon);
    const lease = await leases.acquire(company.id, 'owner', 60_000);
    if (lease === undefined) throw new Error('The lease was not granted');
    const credentials = await new CredentialStore(rows, oldBox).open(lease);
    return { salon, company, lease, credentials };
  }

  function rotation(): KeyRotation {
    const report = createBusinessEvents(captureLog(), createMetrics(noFigures));
    return new KeyRotation({
      stores: [store.repositories.sealedValues],
      box: bothKeys,
      report,
      batch: 7,
      pauseMs: 0,
    });
  }

  const entries = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      type: 'session',
      id: `${prefix}${index}`,
      value: `${index}`,
    }));

  it('all come under the first key: credentials, those set aside, and the secrets of companies', async () => {
    const { credentials: rows, rpc, sealedValues } = store.repositories;
    const { salon, company, lease, credentials } = await linkedSalon();
    await credentials.write(entries('gone', 20));
    await rows.quarantine(lease);
    const again = await new CredentialStore(rows, oldBox).open(lease);
    await again.write(entries('kept', 30));
    // 20 and 30 with a key for their names each, and two secrets.
    expect(await sealedValues.countNotUnder(bothKeys.header)).toBe(54);

    await using running = rotation();
    await running.run();

    expect(running.left).toBe(0);
    const opened = await new CredentialStore(rows, newAlone).open(lease);
    expect(await opened.read('session', ['kept0', 'kept29'])).toEqual(
      new Map([
        ['kept0', '0'],
        ['kept29', '29'],
      ]),
    );
    expect(await new StoredCompanies(rpc, newAlone).secretsOf(company.id)).toEqual({
      apiKey: salon.apiKey,
      webhookSecret: salon.webhookSecret,
    });
  });

  it('are not replaced once they are others than those that were read', async () => {
    const { credentials: rows, sealedValues } = store.repositories;
    const { lease, credentials } = await linkedSalon();
    await credentials.write([{ type: 'session', id: 'a', value: 'older' }]);
    const [table] = sealedValues.tables;
    const found = (await table?.notUnder(bothKeys.header, undefined, 100)) ?? [];
    await credentials.write([{ type: 'session', id: 'a', value: 'newer' }]);

    const replacements = found
      .filter(({ companyId, type }) => companyId === lease.companyId && type === 'session')
      .map((stored) => ({ stored, value: bothKeys.seal(stored.context, 'older') }));
    expect(replacements).toHaveLength(1);
    expect(await table?.replace(replacements)).toBe(0);

    const reopened = await new CredentialStore(rows, bothKeys).open(lease);
    expect(await reopened.read('session', ['a'])).toEqual(new Map([['a', 'newer']]));
  });

  // The embedded store does one thing after the other.
  describe.each([name].filter((engine) => engine === 'Postgres'))(
    'in %s, where others write meanwhile,',
    () => {
      it('are left to the next round while a session is writing them', async () => {
        const { lease, credentials } = await linkedSalon();
        await credentials.write(entries('busy', 3));
        await using running = rotation();
        await store.database.sql.transaction(async (session) => {
          await session.query('select from public.whatsapp_credentials where company_id = $1 for update', [
            lease.companyId,
          ]);
          await running.run();
          expect(running.left).toBe(4);
        });
        await running.run();
        expect(running.left).toBe(0);
      });
    },
  );
});
