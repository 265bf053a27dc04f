import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { proto } from '@whiskeysockets/baileys';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
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

describe('AuthState', () => {
  let directory = '';
  let repository: SqliteCredentials;
  let store: CredentialStore;
  let failures: CredentialsError[];

  const open = () => AuthState.open(store, lease, (error) => failures.push(error));

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'auth-state-'));
    repository = new SqliteCredentials(directory);
    store = new CredentialStore(repository, new Keyring([{ id: 'k1', key }]));
    failures = [];
  });

  afterEach(() => {
    repository[Symbol.dispose]();
    rmSync(directory, { recursive: true });
  });

  it('loads the identity, Signal keys and app state keys that it has saved', async () => {
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

    const reopened = await open();
    expect(reopened.creds).toEqual(auth.creds);
    await expect(reopened.keys.get('session', ['79165550001.0', 'absent'])).resolves.toEqual({
      '79165550001.0': session,
    });
    await expect(reopened.keys.get('lid-mapping', ['79165550001'])).resolves.toEqual({
      '79165550001': '998877',
    });
    const { AAAA } = await reopened.keys.get('app-state-sync-key', ['AAAA']);
    expect(AAAA).toBeInstanceOf(proto.Message.AppStateSyncKeyData);
  });

  it('deletes keys that are set to null', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1', b: '2' } });
    await auth.keys.set({ 'lid-mapping': { a: null } });
    await expect(auth.keys.get('lid-mapping', ['a', 'b'])).resolves.toEqual({ b: '2' });
    const reopened = await open();
    await expect(reopened.keys.get('lid-mapping', ['a', 'b'])).resolves.toEqual({ b: '2' });
  });

  it('replaces the identity of an incomplete link', async () => {
    const auth = await open();
    auth.creds.me = { id: '79031112233@s.whatsapp.net' };
    await auth.saveCreds();
    const fresh = await open();
    expect(fresh.creds.me).toBeUndefined();
    expect(fresh.creds.noiseKey.public).not.toEqual(auth.creds.noiseKey.public);
    await expect(repository.companies()).resolves.toEqual([]);
  });

  it('throws for credentials that cannot be decrypted and keeps them', async () => {
    await (await open()).saveCreds();
    const storeWithOtherKey = new CredentialStore(
      repository,
      new Keyring([{ id: 'k1', key: randomBytes(32) }]),
    );
    await expect(AuthState.open(storeWithOtherKey, lease, () => undefined)).rejects.toBeInstanceOf(
      UnreadableCredentialsError,
    );
    await expect(repository.companies()).resolves.toEqual([lease.companyId]);
  });

  it('does not load the credentials of another company', async () => {
    const auth = await open();
    await auth.saveCreds();
    const other = { companyId: companyIdFrom(4), owner: 'a', token: 1 };
    const { creds } = await AuthState.open(store, other, () => undefined);
    expect(creds.signedIdentityKey.public).not.toEqual(auth.creds.signedIdentityKey.public);
  });

  it('rejects a write under an older lease, does not cache it, and reports one failure', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    await repository.write({ ...lease, token: 6 }, []);
    await expect(auth.keys.set({ 'lid-mapping': { a: '2' } })).rejects.toBeInstanceOf(
      CredentialsNotSavedError,
    );
    await expect(auth.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '1' });
    expect(failures).toHaveLength(1);
  });

  it('rejects writes after close', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    await auth.close();
    await expect(auth.keys.set({ 'lid-mapping': { a: '2' } })).rejects.toBeInstanceOf(
      CredentialsNotSavedError,
    );
    const reopened = await open();
    await expect(reopened.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '1' });
  });

  it('saves changes in order', async () => {
    const auth = await open();
    const writes = Array.from({ length: 20 }, (_, counter) => {
      auth.creds.accountSyncCounter = counter;
      return auth.saveCreds();
    });
    await Promise.all(writes);
    await auth.flush();
    expect((await open()).creds.accountSyncCounter).toBe(19);
  });

  it('rejects a write under an older lease as soon as a newer one has opened the store', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    const newer = await AuthState.open(store, { ...lease, token: 6 }, () => undefined);
    await expect(auth.keys.set({ 'lid-mapping': { a: 'late' } })).rejects.toBeInstanceOf(
      CredentialsNotSavedError,
    );
    await expect(newer.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '1' });
    expect(failures).toHaveLength(1);
  });

  it('does not read values cached by an earlier owner', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    const newer = await AuthState.open(store, { ...lease, token: 6 }, () => undefined);
    await newer.keys.set({ 'lid-mapping': { a: '2' } });
    await auth.close();
    const reopened = await AuthState.open(store, { ...lease, token: 7 }, () => undefined);
    await expect(reopened.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '2' });
  });

  it('caches a value only after it is stored', async () => {
    const auth = await open();
    await auth.keys.set({ 'lid-mapping': { a: '1' } });
    const writeAllowed = Promise.withResolvers<undefined>();
    const write = vi.spyOn(repository, 'write').mockImplementationOnce(async (...args) => {
      await writeAllowed.promise;
      write.mockRestore();
      await repository.write(...args);
    });
    const setting = auth.keys.set({ 'lid-mapping': { a: '2' } });
    await expect(auth.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '1' });
    writeAllowed.resolve(undefined);
    await setting;
    await expect(auth.keys.get('lid-mapping', ['a'])).resolves.toEqual({ a: '2' });
  });

  it('caches 300 keys and reads the others from the store', async () => {
    const auth = await open();
    const ids = Array.from({ length: 1000 }, (_, index) => `id-${index}`);
    await auth.keys.set({ 'lid-mapping': Object.fromEntries(ids.map((id) => [id, `lid ${id}`])) });
    const read = vi.spyOn(repository, 'read');
    const found = await auth.keys.get('lid-mapping', ids);
    expect(Object.keys(found)).toHaveLength(1000);
    expect(read.mock.calls.flatMap(([, , requestedIds]) => requestedIds)).toHaveLength(700);
    // The most recently read key is cached.
    await auth.keys.get('lid-mapping', Object.keys(found).slice(-1));
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('throws for incomplete credentials and keeps them', async () => {
    await (await open()).saveCreds();
    const credentials = await store.open(lease);
    await credentials.write([{ type: 'creds', id: 'creds', value: '{"noiseKey":{' }]);
    await expect(open()).rejects.toBeInstanceOf(UnreadableCredentialsError);
    await credentials.write([{ type: 'creds', id: 'creds', value: '{"noiseKey":{}}' }]);
    await expect(open()).rejects.toBeInstanceOf(UnreadableCredentialsError);
    await expect(repository.companies()).resolves.toEqual([lease.companyId]);
  });
});
