import { describe, expect, it } from 'vitest';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import type { ReceivedText } from '../../../../src/ports/received-messages.ts';
import { StoredReceivedMessages } from '../../../../src/storage/repositories/received-messages.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { newCompany, newPhone, registerCompany, useStore } from '../../../support/fixtures/storage.ts';

const keyring = (...ids: readonly string[]) =>
  new Keyring(ids.map((id) => ({ id, key: Buffer.alloc(32, id) })));
const secret = 'whsec_c2VjcmV0LW9mLXRoZS1zYWxvbi1vbmU=';

describe.each(engines())('received messages in $name', ({ make }) => {
  const store = useStore(make);
  let textCount = 0;

  const newText = (changes: Partial<ReceivedText> = {}): ReceivedText => {
    textCount += 1;
    return {
      whatsappMessageId: `3EB0${textCount}`,
      phone: newPhone(),
      text: `Можно в среду? ${textCount}`,
      sentAt: new Date('2026-11-20T10:00:00Z'),
      ...changes,
    };
  };
  const newCompanyId = async (): Promise<CompanyId> => (await registerCompany(store.repositories)).id;
  const rawContents = async (): Promise<Buffer> => {
    const rows = await store.database.sql.query('select content from public.received_messages');
    return Buffer.concat(rows.map(({ content }) => toBuffer(content)));
  };

  it('are stored once, in order of arrival', async () => {
    const { receivedMessages } = store.repositories;
    const companyId = await newCompanyId();
    const first = newText();
    const second = newText({ text: 'Ещё 😀 одно' });
    const saved = await receivedMessages.save(companyId, first);
    await receivedMessages.save(companyId, second);
    expect(await receivedMessages.save(companyId, first)).toEqual(saved);
    const all = await receivedMessages.after(companyId, 0, 10);
    expect(all.map(({ phone, text, sentAt }) => ({ phone, text, sentAt }))).toEqual(
      [first, second].map(({ phone, text, sentAt }) => ({ phone, text, sentAt })),
    );
    expect(await receivedMessages.after(companyId, all[0]?.position ?? 0, 10)).toEqual(all.slice(1));
    expect(await receivedMessages.after(companyId, 0, 1)).toEqual(all.slice(0, 1));
    expect(await receivedMessages.byId(companyId, saved?.id ?? '')).toEqual(all[0]);
  });

  it('have another id in another company', async () => {
    const { receivedMessages } = store.repositories;
    const [one, other] = [await newCompanyId(), await newCompanyId()];
    const text = newText();
    const saved = await receivedMessages.save(one, text);
    expect((await receivedMessages.save(other, text))?.id).not.toBe(saved?.id);
    expect(await receivedMessages.byId(other, saved?.id ?? '')).toBeUndefined();
  });

  it('replace an implausible sent time with the time of receipt', async () => {
    const { receivedMessages } = store.repositories;
    const companyId = await newCompanyId();
    for (const time of [NaN, -1e14, 8e15])
      await receivedMessages.save(companyId, newText({ sentAt: new Date(time) }));
    for (const { sentAt, receivedAt } of await receivedMessages.after(companyId, 0, 10))
      expect(Math.abs(receivedAt.getTime() - sentAt.getTime())).toBeLessThan(5_000);
    expect(await receivedMessages.after(companyId, 0, 10)).toHaveLength(3);
  });

  it('are encrypted and remain readable after a key rotation', async () => {
    const { rpc } = store.repositories;
    const companyId = await newCompanyId();
    const text = newText({ text: 'Совершенно секретно' });
    await new StoredReceivedMessages(rpc, keyring('a')).save(companyId, text);
    const rotated = new StoredReceivedMessages(rpc, keyring('b', 'a'));
    expect(await rotated.after(companyId, 0, 10)).toMatchObject([{ text: text.text, phone: text.phone }]);
    const withoutKey = new StoredReceivedMessages(rpc, keyring('b'));
    const [listed] = await withoutKey.after(companyId, 0, 10);
    expect(listed).toMatchObject({ phone: undefined, text: undefined });
    await expect(withoutKey.byId(companyId, listed?.id ?? '')).rejects.toThrow('key');
    const raw = await rawContents();
    expect(raw.length).toBeGreaterThan(50);
    for (const clear of [text.text, text.phone]) expect(raw.includes(clear)).toBe(false);
  });

  it('are listed when an earlier one cannot be decrypted', async () => {
    const { receivedMessages } = store.repositories;
    const companyId = await newCompanyId();
    const broken = await receivedMessages.save(companyId, newText());
    await store.database.sql.query(`update public.received_messages set content = '\\x00' where id = $1`, [
      broken?.id,
    ]);
    const text = newText();
    await receivedMessages.save(companyId, text);
    expect(await receivedMessages.after(companyId, 0, 10)).toMatchObject([
      { id: broken?.id, phone: undefined, text: undefined },
      { phone: text.phone, text: text.text },
    ]);
  });

  it('await forwarding only while the company has an enabled webhook', async () => {
    const { receivedMessages, outgoingWebhooks } = store.repositories;
    const companyId = await newCompanyId();
    const unforwarded = async () =>
      (await receivedMessages.findUnforwarded(100)).filter((message) => message.companyId === companyId);
    await receivedMessages.save(companyId, newText());
    expect(await unforwarded()).toEqual([]);
    await outgoingWebhooks.save(companyId, 'https://salon.example/hook', secret);
    const text = newText();
    const saved = await receivedMessages.save(companyId, text);
    expect(await unforwarded()).toEqual([{ id: saved?.id, companyId, phone: text.phone }]);
    await receivedMessages.markQueuedForForwarding([saved?.id ?? '']);
    expect(await unforwarded()).toEqual([]);
    expect(await receivedMessages.save(companyId, text)).toEqual({ id: saved?.id, needsForwarding: false });
    const { version = '' } = (await outgoingWebhooks.get(companyId)) ?? {};
    await outgoingWebhooks.disable(companyId, version, 'test');
    await receivedMessages.save(companyId, newText());
    expect(await unforwarded()).toEqual([]);
  });

  it('are deleted in batches after the retention period', async () => {
    const { receivedMessages } = store.repositories;
    const companyId = await newCompanyId();
    for (let count = 0; count < 3; count += 1) await receivedMessages.save(companyId, newText());
    await store.database.sql.query(
      "update public.received_messages set received_at = now() - interval '90 days 1 minute' where company_id = $1",
      [companyId],
    );
    await receivedMessages.save(companyId, newText({ text: 'Новое' }));
    expect(await receivedMessages.deleteOlderThan(90, 2)).toBe(2);
    expect(await receivedMessages.deleteOlderThan(90, 2)).toBe(1);
    expect(await receivedMessages.deleteOlderThan(90, 2)).toBe(0);
    expect(await receivedMessages.after(companyId, 0, 10)).toMatchObject([{ text: 'Новое' }]);
  });

  it('are deleted with the webhook on uninstallation, and no longer stored', async () => {
    const { companies, receivedMessages, outgoingWebhooks } = store.repositories;
    const companyId = await newCompanyId();
    await outgoingWebhooks.save(companyId, 'https://salon.example/hook', secret);
    await receivedMessages.save(companyId, newText());
    await companies.transitionIntegration(companyId, 'uninstalled', 'test');
    expect(await receivedMessages.after(companyId, 0, 10)).toEqual([]);
    expect(await outgoingWebhooks.get(companyId)).toBeUndefined();
    expect(await receivedMessages.save(companyId, newText())).toBeUndefined();
    expect(await receivedMessages.after(companyId, 0, 10)).toEqual([]);
  });

  it('are not forwarded to a webhook of the previous installation', async () => {
    const { companies, receivedMessages, outgoingWebhooks } = store.repositories;
    const owner = newCompany();
    const { company } = await companies.createOrFind(owner);
    const companyId = company.id;
    await companies.transitionIntegration(companyId, 'uninstalled', 'test');
    expect(await outgoingWebhooks.save(companyId, 'https://former.example/hook', secret)).toBeUndefined();
    expect(await outgoingWebhooks.get(companyId)).toBeUndefined();
    // A leftover row, whatever its origin.
    await store.database.sql.query(
      "insert into public.outgoing_webhooks (company_id, url, secret) values ($1, '', '')",
      [companyId],
    );
    await companies.createOrFind({ ...newCompany(), salonId: owner.salonId });
    expect(await outgoingWebhooks.get(companyId)).toBeUndefined();
    expect(await receivedMessages.save(companyId, newText())).toMatchObject({ needsForwarding: false });
  });

  describe('the outgoing webhook', () => {
    const other = 'whsec_YW5vdGhlci1zZWNyZXQtb2Ytc2Fsb24h';

    it('keeps its secret and gets a new version when its URL changes', async () => {
      const { outgoingWebhooks } = store.repositories;
      const companyId = await newCompanyId();
      expect(await outgoingWebhooks.save(companyId, 'https://one.example/', secret)).toBe(true);
      const one = await outgoingWebhooks.get(companyId);
      expect(await outgoingWebhooks.save(companyId, 'https://two.example/', other)).toBe(false);
      const two = await outgoingWebhooks.get(companyId);
      expect(two).toMatchObject({ url: 'https://two.example/', secret });
      expect(two?.version).not.toBe(one?.version);
      expect(await outgoingWebhooks.disable(companyId, one?.version ?? '', 'test')).toBe(false);
      expect((await outgoingWebhooks.get(companyId))?.disabledAt).toBeUndefined();
    });

    it('keeps the previous secret until its expiry', async () => {
      const { outgoingWebhooks } = store.repositories;
      const companyId = await newCompanyId();
      expect(await outgoingWebhooks.rotate(companyId, other, 24)).toBe(false);
      await outgoingWebhooks.save(companyId, 'https://one.example/', secret);
      expect(await outgoingWebhooks.rotate(companyId, other, 24)).toBe(true);
      expect(await outgoingWebhooks.get(companyId)).toMatchObject({ secret: other, previousSecret: secret });
      await store.database.sql.query(
        'update public.outgoing_webhooks set previous_secret_until = now() where company_id = $1',
        [companyId],
      );
      const past = await outgoingWebhooks.get(companyId);
      expect(past?.secret).toBe(other);
      expect(past).not.toHaveProperty('previousSecret');
    });

    it('records an event once per long failure and once when disabled', async () => {
      const { events, outgoingWebhooks } = store.repositories;
      const companyId = await newCompanyId();
      await outgoingWebhooks.save(companyId, 'https://one.example/', secret);
      const { version = '' } = (await outgoingWebhooks.get(companyId)) ?? {};
      const failForDays = async () => {
        const failureResults = [await outgoingWebhooks.recordFailure(companyId, version, 48)];
        await store.database.sql.query(
          "update public.outgoing_webhooks set failing_since = now() - interval '49 hours' where company_id = $1",
          [companyId],
        );
        for (let count = 0; count < 2; count += 1)
          failureResults.push(await outgoingWebhooks.recordFailure(companyId, version, 48));
        return failureResults;
      };
      expect(await failForDays()).toEqual([false, true, false]);
      await outgoingWebhooks.recordSuccess(companyId, version);
      expect(await outgoingWebhooks.get(companyId)).not.toHaveProperty('failingSince');
      expect(await failForDays()).toEqual([false, true, false]);
      expect(await outgoingWebhooks.disable(companyId, version, 'test')).toBe(true);
      expect(await outgoingWebhooks.disable(companyId, version, 'test')).toBe(false);
      const types = (await events.latest(companyId, 20)).map(({ type }) => type);
      expect(types.filter((type) => type.startsWith('outgoing_webhook')).toReversed()).toEqual([
        'outgoing_webhook_set',
        'outgoing_webhook_failing',
        'outgoing_webhook_failing',
        'outgoing_webhook_disabled',
      ]);
    });

    it('is stored encrypted', async () => {
      const { outgoingWebhooks } = store.repositories;
      const companyId = await newCompanyId();
      await outgoingWebhooks.save(companyId, 'https://one.example/hook?token=clear', secret);
      const [row] = await store.database.sql.query(
        'select url, secret from public.outgoing_webhooks where company_id = $1',
        [companyId],
      );
      const [url, key] = [toBuffer(row?.['url']), toBuffer(row?.['secret'])];
      expect(Math.min(url.length, key.length)).toBeGreaterThan(40);
      expect(url.includes('example')).toBe(false);
      expect(key.includes('whsec')).toBe(false);
    });
  });
});

function toBuffer(column: unknown): Buffer {
  if (column instanceof Uint8Array) return Buffer.from(column);
  throw new TypeError('Column is not bytea');
}
