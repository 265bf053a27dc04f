import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import { KeyRotation } from '../../../../src/jobs/key-rotation.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import type { EncryptedReplacement, EncryptedValue } from '../../../../src/ports/encrypted-values.ts';
import { StoredCompanies } from '../../../../src/storage/repositories/companies.ts';
import { StoredOutgoingWebhooks } from '../../../../src/storage/repositories/outgoing-webhooks.ts';
import { StoredReceivedMessages } from '../../../../src/storage/repositories/received-messages.ts';
import { CredentialStore } from '../../../../src/whatsapp/credentials/credential-store.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';
import { countEncryptedValues } from '../../../support/checkers/encrypted-columns.ts';
import { engines, pglite } from '../../../support/fixtures/engines.ts';
import { newCompany, newPhone, useStore } from '../../../support/fixtures/storage.ts';

const oldKey = { id: 'old', key: randomBytes(32) };
const newKey = { id: 'new', key: randomBytes(32) };
const oldKeyring = new Keyring([oldKey]);
const bothKeyring = new Keyring([newKey, oldKey]);
const newKeyring = new Keyring([newKey]);

describe.each(engines())('re-encryption of stored values in $name', ({ make, name }) => {
  const store = useStore(make);

  async function linkedSalon() {
    const { rpc, leases, credentials: rows } = store.repositories;
    const salon = newCompany();
    const { company } = await new StoredCompanies(rpc, oldKeyring).createOrFind(salon);
    const lease = await leases.acquire(company.id, 'owner', 60_000);
    if (lease === undefined) throw new Error('The lease was not granted');
    const credentials = await new CredentialStore(rows, oldKeyring).open(lease);
    return { salon, company, lease, credentials };
  }

  function rotation(): KeyRotation {
    const report = createBusinessEvents(captureLog(), createMetrics());
    return new KeyRotation(
      { stores: [store.repositories.encryptedValues], keyring: bothKeyring, report },
      { batchSize: 7, pauseMs: 0 },
    );
  }

  const entries = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      type: 'session',
      id: `${prefix}${index}`,
      value: `${index}`,
    }));

  /** @returns the plaintexts to compare with */
  async function keepTexts(companyId: CompanyId, keyring: Keyring, count: number) {
    const received = new StoredReceivedMessages(store.repositories.rpc, keyring);
    const texts = Array.from({ length: count }, (_, index) => ({
      phone: newPhone(),
      text: `Можно в среду? ${index}`,
      sentAt: new Date('2026-11-20T10:00:00Z'),
    }));
    for (const text of texts) await received.save(companyId, { ...text, whatsappMessageId: randomUUID() });
    return texts;
  }

  const reencrypt = (found: readonly EncryptedValue[]): EncryptedReplacement[] =>
    found.map((stored) => ({
      stored,
      value: bothKeyring.seal(stored.context, bothKeyring.open(stored.context, stored.value)),
    }));

  it('covers every column with encrypted values', async () => {
    const { credentials: rows, rpc, encryptedValues } = store.repositories;
    const { salon, company, lease, credentials } = await linkedSalon();
    await credentials.write(entries('gone', 20));
    await rows.quarantine(lease);
    const again = await new CredentialStore(rows, oldKeyring).open(lease);
    await again.write(entries('kept', 30));
    const webhooks = new StoredOutgoingWebhooks(rpc, oldKeyring);
    await webhooks.save(company.id, 'https://salon.example/hook', 'whsec_older');
    await webhooks.rotate(company.id, 'whsec_newer', 24);
    const written = await keepTexts(company.id, oldKeyring, 25);
    // 20 + 30 credentials with one id key each, 2 company secrets, 3 webhook values and 25 received messages.
    expect(await encryptedValues.countStale(bothKeyring.currentKeyPrefix)).toBe(82);
    // If a column is missing here, store an encrypted value in it above.
    const under = (keyring: Keyring) => countEncryptedValues(store.database.sql, keyring.currentKeyPrefix);
    const everywhere = await under(oldKeyring);
    expect(everywhere).toEqual({
      'company_secrets.api_key': 1,
      'company_secrets.webhook_secret': 1,
      'outgoing_webhooks.previous_secret': 1,
      'outgoing_webhooks.secret': 1,
      'outgoing_webhooks.url': 1,
      'received_messages.content': 25,
      'whatsapp_credentials.value': 31,
      'whatsapp_quarantine.value': 21,
    });

    await using running = rotation();
    await running.run();

    expect(running.staleCount).toBe(0);
    expect(await under(newKeyring)).toEqual(everywhere);
    expect(Object.values(await under(oldKeyring)).filter((count) => count > 0)).toEqual([]);
    expect(await new StoredReceivedMessages(rpc, newKeyring).after(company.id, 0, 100)).toMatchObject(
      written,
    );
    expect(await new StoredOutgoingWebhooks(rpc, newKeyring).get(company.id)).toMatchObject({
      url: 'https://salon.example/hook',
      secret: 'whsec_newer',
      previousSecret: 'whsec_older',
    });
    const opened = await new CredentialStore(rows, newKeyring).open(lease);
    expect(await opened.read('session', ['kept0', 'kept29'])).toEqual(
      new Map([
        ['kept0', '0'],
        ['kept29', '29'],
      ]),
    );
    expect(await new StoredCompanies(rpc, newKeyring).getSecrets(company.id)).toEqual({
      apiKey: salon.apiKey,
      webhookSecret: salon.webhookSecret,
    });
  });

  it('works for any key ids and skips unreadable values', async () => {
    const { rpc, encryptedValues } = store.repositories;
    const { company } = await linkedSalon();
    const others = ['a', 'zz', 'a-longer-name'].map((id) => ({ id, key: randomBytes(32) }));
    const lost = new Keyring([{ id: 'lost', key: randomBytes(32) }]);
    await keepTexts(company.id, bothKeyring, 1);
    const written = [];
    for (const key of others) {
      await keepTexts(company.id, lost, 9);
      written.push(...(await keepTexts(company.id, new Keyring([key]), 9)));
    }
    const keyring = new Keyring([newKey, oldKey, ...others]);
    const report = createBusinessEvents(captureLog(), createMetrics());
    await using running = new KeyRotation(
      { stores: [encryptedValues], keyring, report },
      { batchSize: 4, pauseMs: 0 },
    );
    await running.run();
    expect(running.staleCount).toBe(27);
    const under = async ({ currentKeyPrefix }: Keyring) =>
      (await countEncryptedValues(store.database.sql, currentKeyPrefix))['received_messages.content'];
    expect(await under(lost)).toBe(27);
    for (const key of others) expect(await under(new Keyring([key]))).toBe(0);
    await store.database.sql.query(
      'delete from public.received_messages where substring(content from 1 for length($1::bytea)) = $1::bytea',
      [lost.currentKeyPrefix],
    );
    const readable = await new StoredReceivedMessages(rpc, newKeyring).after(company.id, 0, 100);
    expect(readable.slice(1)).toMatchObject(written);
    expect(await encryptedValues.countStale(keyring.currentKeyPrefix)).toBe(0);
  });

  it('keeps a webhook URL and secret that change concurrently', async () => {
    const { rpc, encryptedValues } = store.repositories;
    const { company } = await linkedSalon();
    const webhooks = new StoredOutgoingWebhooks(rpc, oldKeyring);
    await webhooks.save(company.id, 'https://one.example/', 'whsec_one');
    const table = encryptedValues.tables[3];
    const found = (await table?.findStale(bothKeyring.currentKeyPrefix, undefined, 100)) ?? [];
    expect(found.map(({ companyId, type }) => [companyId, type])).toEqual([
      [company.id, 'secret'],
      [company.id, 'url'],
    ]);
    await webhooks.save(company.id, 'https://two.example/', 'unused');
    await webhooks.rotate(company.id, 'whsec_two', 24);
    expect(await table?.replace(reencrypt(found))).toBe(0);
    expect(await webhooks.get(company.id)).toMatchObject({
      url: 'https://two.example/',
      secret: 'whsec_two',
      previousSecret: 'whsec_one',
    });
    await using running = rotation();
    await running.run();
    expect(running.staleCount).toBe(0);
  });

  it('does not restore a received message that is deleted concurrently', async () => {
    const { rpc, encryptedValues } = store.repositories;
    const { company } = await linkedSalon();
    const received = new StoredReceivedMessages(rpc, newKeyring);
    const [, text] = await keepTexts(company.id, oldKeyring, 2);
    const table = encryptedValues.tables[4];
    const found = (await table?.findStale(bothKeyring.currentKeyPrefix, undefined, 100)) ?? [];
    expect(found).toHaveLength(2);
    await store.database.sql.query('delete from public.received_messages where id = $1', [found[0]?.id]);
    expect(await table?.replace(reencrypt(found))).toBe(1);
    expect(await received.after(company.id, 0, 10)).toMatchObject([text]);
    await using running = rotation();
    await running.run();
    expect(running.staleCount).toBe(0);
  });

  it('finds and counts stale messages by index, without reading current ones', async () => {
    const { company } = await linkedSalon();
    await keepTexts(company.id, bothKeyring, 1);
    await store.database.sql.query(
      `insert into public.received_messages (id, company_id, whatsapp_message_id, content, to_forward, sent_at)
       select gen_random_uuid(), company_id, number::text, content, false, now()
       from public.received_messages, generate_series(1, 20000) as number where company_id = $1`,
      [company.id],
    );
    await keepTexts(company.id, oldKeyring, 3);
    const pages = async (call: string) => {
      const [row] = await store.database.sql.query(
        `explain (analyze, buffers, format json) select * from ${call}`,
      );
      const [explained] = (row?.['QUERY PLAN'] ?? []) as readonly { Plan: Record<string, number> }[];
      const plan = explained?.Plan ?? {};
      return {
        rows: plan['Actual Rows'],
        pages: (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0),
      };
    };
    const header = Buffer.from(bothKeyring.currentKeyPrefix).toString('hex');
    const after = `{"type":"","token":0}`;
    const read = await pages(`public.encrypted_received_messages_find_stale('${header}', '${after}', 100)`);
    expect(read.rows).toBe(3);
    const counted = await pages(`public.encrypted_received_messages_count_stale('${header}')`);
    for (const { pages: touched } of [read, counted]) {
      expect(touched).toBeGreaterThan(0);
      expect(touched).toBeLessThan(150);
    }
    await store.database.sql.query('delete from public.received_messages');
  });

  it('skips values that changed since they were read', async () => {
    const { credentials: rows, encryptedValues } = store.repositories;
    const { lease, credentials } = await linkedSalon();
    await credentials.write([{ type: 'session', id: 'a', value: 'older' }]);
    const [table] = encryptedValues.tables;
    const found = (await table?.findStale(bothKeyring.currentKeyPrefix, undefined, 100)) ?? [];
    await credentials.write([{ type: 'session', id: 'a', value: 'newer' }]);

    const replacements = found
      .filter(({ companyId, type }) => companyId === lease.companyId && type === 'session')
      .map((stored) => ({ stored, value: bothKeyring.seal(stored.context, 'older') }));
    expect(replacements).toHaveLength(1);
    expect(await table?.replace(replacements)).toBe(0);

    const reopened = await new CredentialStore(rows, bothKeyring).open(lease);
    expect(await reopened.read('session', ['a'])).toEqual(new Map([['a', 'newer']]));
  });

  // PGlite has a single connection, so there is no concurrent transaction.
  describe.runIf(name !== pglite.name)('with concurrent transactions', () => {
    it('leaves locked rows to the next round', async () => {
      const { lease, credentials } = await linkedSalon();
      await credentials.write(entries('busy', 3));
      await using running = rotation();
      await store.database.sql.transaction(async (session) => {
        await session.query('select from public.whatsapp_credentials where company_id = $1 for update', [
          lease.companyId,
        ]);
        await running.run();
        expect(running.staleCount).toBe(4);
      });
      await running.run();
      expect(running.staleCount).toBe(0);
    });
  });
});
