import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../dev-env/temporary-directory.ts';
import { Keyring } from '../../../src/crypto/keyring.ts';
import { companyIdFrom } from '../../../src/domain/ids.ts';
import { KeyRotation } from '../../../src/jobs/key-rotation.ts';
import { createBusinessEvents } from '../../../src/observability/events.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import type { EncryptedReplacement, EncryptedValues } from '../../../src/ports/encrypted-values.ts';
import { CredentialStore } from '../../../src/whatsapp/credentials/credential-store.ts';
import { SqliteCredentials } from '../../../src/whatsapp/credentials/sqlite-credentials.ts';
import { type CapturedLog, captureLog } from '../../support/checkers/captured-log.ts';

const oldKey = { id: 'old', key: randomBytes(32) };
const newKey = { id: 'new', key: randomBytes(32) };
const oldKeyring = new Keyring([oldKey]);
const bothKeyring = new Keyring([newKey, oldKey]);
const newKeyring = new Keyring([newKey]);
const lease = { companyId: companyIdFrom(3), owner: 'a', token: 5 };

describe('KeyRotation', () => {
  let directory: TemporaryDirectory;
  let rows: SqliteCredentials;
  let log: CapturedLog;

  const rotationOf = (store: EncryptedValues = rows.encryptedValues, batch = 10) =>
    new KeyRotation(
      { stores: [store], keyring: bothKeyring, report: createBusinessEvents(log, createMetrics()) },
      { batchSize: batch, pauseMs: 1 },
    );
  const write = async (keyring: Keyring, changes: Readonly<Record<string, string | null>>) => {
    const credentials = await new CredentialStore(rows, keyring).open(lease);
    await credentials.write(Object.entries(changes).map(([id, value]) => ({ type: 'session', id, value })));
  };
  const read = async (keyring: Keyring, ids: readonly string[]) => {
    const credentials = await new CredentialStore(rows, keyring).open(lease);
    return Object.fromEntries(await credentials.read('session', ids));
  };
  const many = Object.fromEntries(
    Array.from({ length: 95 }, (_, index) => [`id-${index}`, `value ${index}`]),
  );
  /** Runs `meanwhile` once between the read of a batch and its replacement. */
  const withRace = (meanwhile: () => Promise<void>): EncryptedValues => {
    let isDone = false;
    const { encryptedValues } = rows;
    const tables = encryptedValues.tables.map((table) => ({
      findStale: table.findStale.bind(table),
      async replace(replacements: readonly EncryptedReplacement[]) {
        if (!isDone) await meanwhile();
        isDone = true;
        return table.replace(replacements);
      },
    }));
    return {
      tables,
      countStale: (prefix) => encryptedValues.countStale(prefix),
      compact: () => encryptedValues.compact(),
    };
  };

  beforeEach(() => {
    directory = new TemporaryDirectory();
    rows = new SqliteCredentials(directory.path);
    log = captureLog();
  });

  afterEach(() => {
    rows[Symbol.dispose]();
    directory[Symbol.dispose]();
  });

  it('re-encrypts all values under the current key and logs the counts', async () => {
    await write(oldKeyring, many);
    await using rotation = rotationOf();
    expect(rotation.staleCount).toBeUndefined();
    await rotation.run();

    expect(rotation.staleCount).toBe(0);
    expect(await read(newKeyring, Object.keys(many))).toEqual(many);
    expect(log.lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'info', values: 96 },
      { level: 'info', reencrypted: 96, unreadable: 0, staleCount: 0 },
    ]);
  });

  it('re-encrypts quarantined credentials', async () => {
    await write(oldKeyring, many);
    await rows.quarantine(lease);
    await write(oldKeyring, { a: '1' });
    await rows.quarantine({ ...lease, token: 6 });
    expect(await rows.encryptedValues.countStale(bothKeyring.currentKeyPrefix)).toBe(98);
    await using rotation = rotationOf();
    await rotation.run();
    expect(rotation.staleCount).toBe(0);
  });

  it('does and logs nothing if all values are under the current key', async () => {
    await write(bothKeyring, many);
    await using rotation = rotationOf();
    await rotation.run();
    expect(rotation.staleCount).toBe(0);
    expect(log.lines).toEqual([]);
  });

  it('keeps a value that the session writes concurrently', async () => {
    await write(oldKeyring, { a: 'older', b: 'other' });
    await using rotation = rotationOf(withRace(() => write(oldKeyring, { a: 'newer' })));
    await rotation.run();
    expect(await read(newKeyring, ['a', 'b'])).toEqual({ a: 'newer', b: 'other' });
    expect(rotation.staleCount).toBe(0);
  });

  it('does not restore a value that the session deletes concurrently', async () => {
    await write(oldKeyring, { a: '1', b: '2' });
    await using rotation = rotationOf(withRace(() => write(oldKeyring, { a: null })));
    await rotation.run();
    expect(await read(newKeyring, ['a', 'b'])).toEqual({ b: '2' });
  });

  it('does not affect the lease: its owner may write, an older one may not', async () => {
    await write(oldKeyring, { a: '1' });
    await using rotation = rotationOf();
    await rotation.run();
    await write(newKeyring, { a: '2' });
    await expect(rows.write({ ...lease, token: 4 }, [])).rejects.toThrow('is stale');
    expect(await read(newKeyring, ['a'])).toEqual({ a: '2' });
  });

  it('counts and reports unreadable values and leaves them unchanged', async () => {
    await write(oldKeyring, many);
    const lost = {
      type: 'session',
      id: 'lost',
      value: new Keyring([{ id: 'lost', key: randomBytes(32) }]).seal('', 'x'),
    };
    const damaged = { type: 'session', id: 'damaged', value: Buffer.from('not sealed') };
    await rows.write(lease, [lost, damaged]);
    await using rotation = rotationOf();
    await rotation.run();

    expect(rotation.staleCount).toBe(2);
    const result = JSON.parse(log.lines.at(-1) ?? '') as unknown;
    expect(result).toMatchObject({ level: 'error', reencrypted: 96, unreadable: 2, staleCount: 2 });
    const kept = await rows.read(lease.companyId, 'session', ['lost', 'damaged']);
    expect(Buffer.from(kept.get('lost') ?? [])).toEqual(lost.value);
    expect(Buffer.from(kept.get('damaged') ?? [])).toEqual(damaged.value);
    expect(await read(newKeyring, Object.keys(many))).toEqual(many);
  });

  /** Occurrences of the old key prefix in the files. */
  const traces = () =>
    readdirSync(directory.path)
      .map((name) => readFileSync(join(directory.path, name)).toString('latin1'))
      .join('')
      .split(Buffer.from(oldKeyring.currentKeyPrefix).toString('latin1')).length - 1;

  it('removes old ciphertext from the files and reports the end only after that', async () => {
    await write(oldKeyring, many);
    const { encryptedValues } = rows;
    await using prevented = rotationOf({
      tables: encryptedValues.tables,
      countStale: (prefix) => encryptedValues.countStale(prefix),
      compact: async () => {
        throw new Error('database or disk is full');
      },
    });
    await expect(prevented.run()).rejects.toThrow('disk is full');
    expect(prevented.staleCount).toBe(0);
    expect(traces()).toBeGreaterThan(0);
    expect(log.lines).toHaveLength(1);

    await using next = rotationOf();
    await next.run();
    expect(traces()).toBe(0);
    await next.run();
    expect(log.lines.slice(1).map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'info', reencrypted: 0, unreadable: 0, staleCount: 0 },
    ]);
    expect(await read(newKeyring, Object.keys(many))).toEqual(many);
  });

  it('removes ciphertext that an interrupted process replaced', async () => {
    await write(oldKeyring, { a: '1' });
    let ending: KeyRotation | undefined;
    ending = rotationOf(withRace(async () => void ending?.[Symbol.asyncDispose]()));
    await ending.run();
    expect(ending.staleCount).toBe(0);
    expect(traces()).toBeGreaterThan(0);
    rows[Symbol.dispose]();
    rows = new SqliteCredentials(directory.path);

    await using next = rotationOf();
    await next.run();
    expect(traces()).toBe(0);
    expect(log.lines.some((line) => line.includes('"staleCount":0'))).toBe(true);
  });

  it('resumes after an interrupted run', async () => {
    await write(oldKeyring, many);
    let rotation: KeyRotation | undefined;
    rotation = rotationOf(withRace(async () => void rotation?.[Symbol.asyncDispose]()));
    await rotation.run();
    expect(rotation.staleCount).toBe(86);

    await using next = rotationOf();
    await next.run();
    expect(next.staleCount).toBe(0);
    expect(await read(newKeyring, Object.keys(many))).toEqual(many);
  });
});
