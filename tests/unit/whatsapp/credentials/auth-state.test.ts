import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { proto } from '@whiskeysockets/baileys';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import {
  AuthState,
  CredentialsNotSavedError,
  UnreadableCredentialsError,
  type CredentialsError,
} from '../../../../src/whatsapp/credentials/auth-state.ts';
import { CredentialStore } from '../../../../src/whatsapp/credentials/credential-store.ts';
import { SqliteCredentials } from '../../../../src/whatsapp/credentials/sqlite-credentials.ts';

const lease = { companyId: companyIdFrom(3), owner: 'a', token: 5 };
const key = randomBytes(32);

describe("Baileys' credentials in our store", () => {
  let directory = '';
  let rows: SqliteCredentials;
  let store: CredentialStore;
  let failures: CredentialsError[];

  const open = () => AuthState.open(store, lease, (error) => failures.push(error));

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'auth-state-'));
    rows = new SqliteCredentials(directory);
    store = new CredentialStore(rows, new Keyring([{ id: 'k1', key }]));
    failures = [];
  });

  afterEach(() => {
    rows[Symbol.dispose]();
    rmSync(directory, { recursive: true });
  });

  it('come back as they were, keys and app state included', async () => {
    const auth = await open();
    auth.creds.me = { id: '79031112233:5@s.whatsapp.net' };
    auth.creds.account = { details: Buffer.from('signed') };
    await auth.saveCreds();
    const session = Buffer.from('a session record');
    const syncKey = { keyData: Buffer.from('sync'), timestamp: 5 };
    await auth.keys.set({
      session: { '79165550001.0': session },
      'lid-mapping': { '79165550001': '998877' },
      'app-state-sync-key': { AAAA: syncKey },
    });

    const again = await open();
    expect(again.creds).toEqual(auth.creds);
    await expect(again.keys.get('session', ['79165550001.0', 'absent'])).resolves.toEqual({
      '79165550001.0': session,
    });
    await expect(again.keys.get('lid-mapping', ['79165550001'])).resolves.toEqual({
      '79165550001': '998877',
    });
    const { AAAA } = await again.keys.get('app-state-sync-key', ['AAAA']);
    expect(AAAA).toBeInstanceOf(proto.Message.AppStateSyncKeyData);
  });

  it('forget what is set to null', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1', b: '2' } });
    await auth.keys.set({ 'lid-mapping': { a: null } });
    await expect(auth.keys.get('lid-mapping', ['a', 'b'])).resolves.toEqual({ b: '2' });
    const again = await open();
    await expect(again.keys.get('lid-mapping', ['a', 'b'])).resolves.toEqual({ b: '2' });
  });

  it('of a half-made link give way to a new identity', async () => {
    const auth = await open();
    auth.creds.me = { id: '79031112233@s.whatsapp.net' };
    await auth.saveCreds();
    const fresh = await open();
    expect(fresh.creds.me).toBeUndefined();
    expect(fresh.creds.noiseKey.public).not.toEqual(auth.creds.noiseKey.public);
    await expect(rows.companies()).resolves.toEqual([]);
  });

  it('that cannot be decrypted are an error, never a new identity', async () => {
    await (await open()).saveCreds();
    const foreign = new CredentialStore(rows, new Keyring([{ id: 'k1', key: randomBytes(32) }]));
    await expect(AuthState.open(foreign, lease, () => undefined)).rejects.toBeInstanceOf(
      UnreadableCredentialsError,
    );
    await expect(rows.companies()).resolves.toEqual([lease.companyId]);
  });

  it('of another company do not open under this one', async () => {
    const auth = await open();
    await auth.saveCreds();
    const other = { companyId: companyIdFrom(4), owner: 'a', token: 1 };
    await expect(AuthState.open(store, other, () => undefined)).resolves.not.toMatchObject({
      creds: { registrationId: auth.creds.registrationId },
    });
  });

  it('written under an older lease are refused, not cached, and reported once and for all', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    await rows.write({ ...lease, token: 6 }, []);
    await expect(auth.keys.set({ 'lid-mapping': { a: '2' } })).rejects.toBeInstanceOf(
      CredentialsNotSavedError,
    );
    await expect(auth.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '1' });
    expect(failures).toHaveLength(1);
  });

  it('of a socket that was replaced are not written any more', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    await auth.close();
    await expect(auth.keys.set({ 'lid-mapping': { a: '2' } })).rejects.toBeInstanceOf(
      CredentialsNotSavedError,
    );
    const again = await open();
    await expect(again.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '1' });
  });

  it('are written in the order in which they changed', async () => {
    const auth = await open();
    const writes = Array.from({ length: 20 }, (_, counter) => {
      auth.creds.accountSyncCounter = counter;
      return auth.saveCreds();
    });
    await Promise.all(writes);
    await auth.flush();
    expect((await open()).creds.accountSyncCounter).toBe(19);
  });

  it('under an older lease are not written once a newer one has opened them, though that wrote nothing yet', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    const newer = await AuthState.open(store, { ...lease, token: 6 }, () => undefined);
    await expect(auth.keys.set({ 'lid-mapping': { a: 'late' } })).rejects.toBeInstanceOf(
      CredentialsNotSavedError,
    );
    await expect(newer.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '1' });
    expect(failures).toHaveLength(1);
  });

  it('that a former owner still has in memory are not what the next one reads', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    const newer = await AuthState.open(store, { ...lease, token: 6 }, () => undefined);
    await newer.keys.set({ 'lid-mapping': { a: '2' } });
    await auth.close();
    const again = await AuthState.open(store, { ...lease, token: 7 }, () => undefined);
    await expect(again.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '2' });
  });

  it('are known from memory only once they are on disk', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    const written = Promise.withResolvers<undefined>();
    const write = vi.spyOn(rows, 'write').mockImplementationOnce(async (...change) => {
      await written.promise;
      write.mockRestore();
      await rows.write(...change);
    });
    const setting = auth.keys.set({ 'lid-mapping': { a: '2' } });
    await expect(auth.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '1' });
    written.resolve(undefined);
    await setting;
    await expect(auth.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '2' });
  });

  it('are kept in memory by hundreds, not by thousands, and the others are read again', async () => {
    const auth = await open();
    const ids = Array.from({ length: 1000 }, (_, index) => `id-${index}`);
    await auth.keys.set({ 'lid-mapping': Object.fromEntries(ids.map((id) => [id, `lid ${id}`])) });
    const read = vi.spyOn(rows, 'read');
    const found = await auth.keys.get('lid-mapping', ids);
    expect(Object.keys(found)).toHaveLength(1000);
    expect(read.mock.calls.flatMap(([, , names]) => names)).toHaveLength(700);
    // The one that was read last.
    await auth.keys.get('lid-mapping', Object.keys(found).slice(-1));
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('that are half-written are an error, never a new identity', async () => {
    await (await open()).saveCreds();
    const credentials = await store.open(lease);
    await credentials.write([{ type: 'creds', id: 'creds', value: '{"noiseKey":{' }]);
    await expect(open()).rejects.toBeInstanceOf(UnreadableCredentialsError);
    await credentials.write([{ type: 'creds', id: 'creds', value: '{"noiseKey":{}}' }]);
    await expect(open()).rejects.toBeInstanceOf(UnreadableCredentialsError);
    await expect(rows.companies()).resolves.toEqual([lease.companyId]);
  });
});
