import { describe, expect, it } from 'vitest';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import { StoredReceivedMessages } from '../../../../src/storage/repositories/received-messages.ts';
import { newCompany, newPhone, registerCompany, useStore } from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import type { ReceivedText } from '../../../../src/ports/received-messages.ts';

const box = (...ids: readonly string[]) => new Keyring(ids.map((id) => ({ id, key: Buffer.alloc(32, id) })));
const secret = 'whsec_c2VjcmV0LW9mLXRoZS1zYWxvbi1vbmU=';

describe.each(engines())('what clients write, in $name', ({ make }) => {
  const store = useStore(make);
  let texts = 0;

  const newText = (changes: Partial<ReceivedText> = {}): ReceivedText => {
    texts += 1;
    return {
      whatsappMessageId: `3EB0${texts}`,
      phone: newPhone(),
      text: `Можно в среду? ${texts}`,
      sentAt: new Date('2026-11-20T10:00:00Z'),
      ...changes,
    };
  };
  const newCompanyId = async (): Promise<CompanyId> => (await registerCompany(store.repositories)).id;
  const rawContents = async (): Promise<Buffer> => {
    const rows = await store.database.sql.query('select content from public.received_messages');
    return Buffer.concat(rows.map(({ content }) => bytesOf(content)));
  };

  it('is kept once, however often it comes, and in the order in which it came', async () => {
    const { received } = store.repositories;
    const companyId = await newCompanyId();
    const first = newText();
    const second = newText({ text: 'Ещё 😀 одно' });
    const kept = await received.save(companyId, first);
    await received.save(companyId, second);
    expect(await received.save(companyId, first)).toEqual(kept);
    const all = await received.after(companyId, 0, 10);
    expect(all.map(({ phone, text, sentAt }) => ({ phone, text, sentAt }))).toEqual(
      [first, second].map(({ phone, text, sentAt }) => ({ phone, text, sentAt })),
    );
    expect(await received.after(companyId, all[0]?.position ?? 0, 10)).toEqual(all.slice(1));
    expect(await received.after(companyId, 0, 1)).toEqual(all.slice(0, 1));
    expect(await received.byId(companyId, kept?.id ?? '')).toEqual(all[0]);
  });

  it('belongs to one company: the same WhatsApp message of another is another', async () => {
    const { received } = store.repositories;
    const [one, other] = [await newCompanyId(), await newCompanyId()];
    const text = newText();
    const kept = await received.save(one, text);
    expect((await received.save(other, text))?.id).not.toBe(kept?.id);
    expect(await received.byId(other, kept?.id ?? '')).toBeUndefined();
  });

  it('keeps a text whatever time its sender claims', async () => {
    const { received } = store.repositories;
    const companyId = await newCompanyId();
    for (const time of [NaN, -1e14, 8e15])
      await received.save(companyId, newText({ sentAt: new Date(time) }));
    for (const { sentAt, receivedAt } of await received.after(companyId, 0, 10))
      expect(Math.abs(receivedAt.getTime() - sentAt.getTime())).toBeLessThan(5_000);
    expect(await received.after(companyId, 0, 10)).toHaveLength(3);
  });

  it('is sealed, and read again after the key was rotated, but not without its key', async () => {
    const { rpc } = store.repositories;
    const companyId = await newCompanyId();
    const text = newText({ text: 'Совершенно секретно' });
    await new StoredReceivedMessages(rpc, box('a')).save(companyId, text);
    const rotated = new StoredReceivedMessages(rpc, box('b', 'a'));
    expect(await rotated.after(companyId, 0, 10)).toMatchObject([{ text: text.text, phone: text.phone }]);
    const withoutKey = new StoredReceivedMessages(rpc, box('b'));
    const [listed] = await withoutKey.after(companyId, 0, 10);
    expect(listed).toMatchObject({ phone: undefined, text: undefined });
    await expect(withoutKey.byId(companyId, listed?.id ?? '')).rejects.toThrow('key');
    const raw = await rawContents();
    expect(raw.length).toBeGreaterThan(50);
    for (const clear of [text.text, text.phone]) expect(raw.includes(clear)).toBe(false);
  });

  it('can be read although one before it cannot be opened any more', async () => {
    const { received } = store.repositories;
    const companyId = await newCompanyId();
    const broken = await received.save(companyId, newText());
    await store.database.sql.query(`update public.received_messages set content = '\\x00' where id = $1`, [
      broken?.id,
    ]);
    const text = newText();
    await received.save(companyId, text);
    expect(await received.after(companyId, 0, 10)).toMatchObject([
      { id: broken?.id, phone: undefined, text: undefined },
      { phone: text.phone, text: text.text },
    ]);
  });

  it('waits for a job only while the company has an enabled webhook, until it was handed over', async () => {
    const { received, webhooks } = store.repositories;
    const companyId = await newCompanyId();
    const waiting = async () =>
      (await received.findUnforwarded(100)).filter((message) => message.companyId === companyId);
    await received.save(companyId, newText());
    expect(await waiting()).toEqual([]);
    await webhooks.save(companyId, 'https://salon.example/hook', secret);
    const text = newText();
    const kept = await received.save(companyId, text);
    expect(await waiting()).toEqual([{ id: kept?.id, companyId, phone: text.phone }]);
    await received.markQueuedForForwarding([kept?.id ?? '']);
    expect(await waiting()).toEqual([]);
    expect(await received.save(companyId, text)).toEqual({ id: kept?.id, needsForwarding: false });
    const { version = '' } = (await webhooks.get(companyId)) ?? {};
    await webhooks.disable(companyId, version, 'test');
    await received.save(companyId, newText());
    expect(await waiting()).toEqual([]);
  });

  it('is erased after its days, a batch at a time, and what is younger stays', async () => {
    const { received } = store.repositories;
    const companyId = await newCompanyId();
    for (let count = 0; count < 3; count += 1) await received.save(companyId, newText());
    await store.database.sql.query(
      "update public.received_messages set received_at = now() - interval '90 days 1 minute' where company_id = $1",
      [companyId],
    );
    await received.save(companyId, newText({ text: 'Новое' }));
    expect(await received.deleteOlderThan(90, 2)).toBe(2);
    expect(await received.deleteOlderThan(90, 2)).toBe(1);
    expect(await received.deleteOlderThan(90, 2)).toBe(0);
    expect(await received.after(companyId, 0, 10)).toMatchObject([{ text: 'Новое' }]);
  });

  it('is erased with the webhook at the uninstallation, after which nothing is kept', async () => {
    const { companies, received, webhooks } = store.repositories;
    const companyId = await newCompanyId();
    await webhooks.save(companyId, 'https://salon.example/hook', secret);
    await received.save(companyId, newText());
    await companies.transitionIntegration(companyId, 'uninstalled', 'test');
    expect(await received.after(companyId, 0, 10)).toEqual([]);
    expect(await webhooks.get(companyId)).toBeUndefined();
    expect(await received.save(companyId, newText())).toBeUndefined();
    expect(await received.after(companyId, 0, 10)).toEqual([]);
  });

  it('goes to no address that the former owner set after the uninstallation, or before it', async () => {
    const { companies, received, webhooks } = store.repositories;
    const owner = newCompany();
    const { company } = await companies.createOrFind(owner);
    const companyId = company.id;
    await companies.transitionIntegration(companyId, 'uninstalled', 'test');
    expect(await webhooks.save(companyId, 'https://former.example/hook', secret)).toBeUndefined();
    expect(await webhooks.get(companyId)).toBeUndefined();
    // However it came there.
    await store.database.sql.query(
      "insert into public.outgoing_webhooks (company_id, url, secret) values ($1, '', '')",
      [companyId],
    );
    await companies.createOrFind({ ...newCompany(), salonId: owner.salonId });
    expect(await webhooks.get(companyId)).toBeUndefined();
    expect(await received.save(companyId, newText())).toMatchObject({ needsForwarding: false });
  });

  describe('and the webhook of the company', () => {
    const other = 'whsec_YW5vdGhlci1zZWNyZXQtb2Ytc2Fsb24h';

    it('keeps its secret when its address changes, and has another version then', async () => {
      const { webhooks } = store.repositories;
      const companyId = await newCompanyId();
      expect(await webhooks.save(companyId, 'https://one.example/', secret)).toBe(true);
      const one = await webhooks.get(companyId);
      expect(await webhooks.save(companyId, 'https://two.example/', other)).toBe(false);
      const two = await webhooks.get(companyId);
      expect(two).toMatchObject({ url: 'https://two.example/', secret });
      expect(two?.version).not.toBe(one?.version);
      expect(await webhooks.disable(companyId, one?.version ?? '', 'test')).toBe(false);
      expect((await webhooks.get(companyId))?.disabledAt).toBeUndefined();
    });

    it('signs with the old secret as well until its time', async () => {
      const { webhooks } = store.repositories;
      const companyId = await newCompanyId();
      expect(await webhooks.rotate(companyId, other, 24)).toBe(false);
      await webhooks.save(companyId, 'https://one.example/', secret);
      expect(await webhooks.rotate(companyId, other, 24)).toBe(true);
      expect(await webhooks.get(companyId)).toMatchObject({ secret: other, previousSecret: secret });
      await store.database.sql.query(
        'update public.outgoing_webhooks set previous_secret_until = now() where company_id = $1',
        [companyId],
      );
      const past = await webhooks.get(companyId);
      expect(past?.secret).toBe(other);
      expect(past).not.toHaveProperty('previousSecret');
    });

    it('is told of once when it fails for days, again after it has worked, and when it is disabled', async () => {
      const { events, webhooks } = store.repositories;
      const companyId = await newCompanyId();
      await webhooks.save(companyId, 'https://one.example/', secret);
      const { version = '' } = (await webhooks.get(companyId)) ?? {};
      const failForDays = async () => {
        const failureResults = [await webhooks.recordFailure(companyId, version, 48)];
        await store.database.sql.query(
          "update public.outgoing_webhooks set failing_since = now() - interval '49 hours' where company_id = $1",
          [companyId],
        );
        for (let count = 0; count < 2; count += 1)
          failureResults.push(await webhooks.recordFailure(companyId, version, 48));
        return failureResults;
      };
      expect(await failForDays()).toEqual([false, true, false]);
      await webhooks.recordSuccess(companyId, version);
      expect(await webhooks.get(companyId)).not.toHaveProperty('failingSince');
      expect(await failForDays()).toEqual([false, true, false]);
      expect(await webhooks.disable(companyId, version, 'test')).toBe(true);
      expect(await webhooks.disable(companyId, version, 'test')).toBe(false);
      const types = (await events.latest(companyId, 20)).map(({ type }) => type);
      expect(types.filter((type) => type.startsWith('outgoing_webhook')).toReversed()).toEqual([
        'outgoing_webhook_set',
        'outgoing_webhook_failing',
        'outgoing_webhook_failing',
        'outgoing_webhook_disabled',
      ]);
    });

    it('is sealed', async () => {
      const { webhooks } = store.repositories;
      const companyId = await newCompanyId();
      await webhooks.save(companyId, 'https://one.example/hook?token=clear', secret);
      const [row] = await store.database.sql.query(
        'select url, secret from public.outgoing_webhooks where company_id = $1',
        [companyId],
      );
      const [url, key] = [bytesOf(row?.['url']), bytesOf(row?.['secret'])];
      expect(Math.min(url.length, key.length)).toBeGreaterThan(40);
      expect(url.includes('example')).toBe(false);
      expect(key.includes('whsec')).toBe(false);
    });
  });
});

function bytesOf(column: unknown): Buffer {
  if (column instanceof Uint8Array) return Buffer.from(column);
  throw new TypeError('The column holds no bytes');
}
