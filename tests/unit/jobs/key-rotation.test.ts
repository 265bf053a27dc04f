import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { companyIdFrom } from '../../../src/domain/ids.ts';
import { credentialContext } from '../../../src/crypto/encryption-context.ts';
import { Keyring } from '../../../src/crypto/keyring.ts';
import { KeyRotation } from '../../../src/jobs/key-rotation.ts';
import type { EncryptedReplacement, EncryptedValues } from '../../../src/ports/encrypted-values.ts';
import { createBusinessEvents } from '../../../src/observability/events.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { CredentialStore } from '../../../src/whatsapp/credentials/credential-store.ts';
import { SqliteCredentials } from '../../../src/whatsapp/credentials/sqlite-credentials.ts';
import { type CapturedLog, captureLog } from '../../support/checkers/captured-log.ts';
import { TemporaryDirectory } from '../../../dev-env/temporary-directory.ts';

const oldKey = { id: 'old', key: randomBytes(32) };
const newKey = { id: 'new', key: randomBytes(32) };
const oldBox = new Keyring([oldKey]);
const bothKeys = new Keyring([newKey, oldKey]);
const newAlone = new Keyring([newKey]);
const lease = { companyId: companyIdFrom(3), owner: 'a', token: 5 };

describe('after a new key was put first', () => {
  let directory: TemporaryDirectory;
  let rows: SqliteCredentials;
  let log: CapturedLog;

  const rotationOf = (store: EncryptedValues = rows.encryptedValues, batch = 10) =>
    new KeyRotation({
      stores: [store],
      keyring: bothKeys,
      report: createBusinessEvents(log, createMetrics()),
      batchSize: batch,
      pauseMs: 1,
    });
  const write = async (box: Keyring, changes: Readonly<Record<string, string | null>>) => {
    const credentials = await new CredentialStore(rows, box).open(lease);
    await credentials.write(Object.entries(changes).map(([id, value]) => ({ type: 'session', id, value })));
  };
  const read = async (box: Keyring, ids: readonly string[]) => {
    const credentials = await new CredentialStore(rows, box).open(lease);
    return Object.fromEntries(await credentials.read('session', ids));
  };
  /** Binds what is stored to ids instead of the names of rows, as the first versions did. */
  const bindToIds = async (ids: readonly string[]) => {
    const stored = await rows.encryptedValues.credentials.findStale(
      Buffer.from('no header'),
      undefined,
      1000,
    );
    const idByText = new Map(Object.entries(await read(oldBox, ids)).map(([id, text]) => [text, id]));
    const changes = stored.flatMap(({ type, id: name, context, value }) => {
      const text = oldBox.open(context, value).toString();
      const id = idByText.get(text);
      if (id === undefined) return [];
      return [{ type, id: name, value: oldBox.seal(credentialContext(lease.companyId, type, id), text) }];
    });
    expect(changes).toHaveLength(ids.length);
    await rows.write(lease, changes);
  };
  const many = Object.fromEntries(
    Array.from({ length: 95 }, (_, index) => [`id-${index}`, `value ${index}`]),
  );
  /** Does something between the reading of a value and its replacement, once. */
  const disturbed = (meanwhile: () => Promise<void>): EncryptedValues => {
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
      countStale: (header) => encryptedValues.countStale(header),
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

  it('everything opens with the new key alone, and the log says how much there was', async () => {
    await write(oldBox, many);
    await using rotation = rotationOf();
    expect(rotation.staleCount).toBeUndefined();
    await rotation.run();

    expect(rotation.staleCount).toBe(0);
    expect(await read(newAlone, Object.keys(many))).toEqual(many);
    expect(log.lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'info', values: 96 },
      { level: 'info', reencrypted: 96, unreadable: 0, staleCount: 0 },
    ]);
  });

  it('what is set aside is under the new key too', async () => {
    await write(oldBox, many);
    await rows.quarantine(lease);
    await write(oldBox, { a: '1' });
    await rows.quarantine({ ...lease, token: 6 });
    expect(await rows.encryptedValues.countStale(bothKeys.currentKeyPrefix)).toBe(98);
    await using rotation = rotationOf();
    await rotation.run();
    expect(rotation.staleCount).toBe(0);
  });

  it('nothing is said or written when all is under it already', async () => {
    await write(bothKeys, many);
    await using rotation = rotationOf();
    await rotation.run();
    expect(rotation.staleCount).toBe(0);
    expect(log.lines).toEqual([]);
  });

  it('a value that its session writes in between stays what the session wrote', async () => {
    await write(oldBox, { a: 'older', b: 'other' });
    await using rotation = rotationOf(disturbed(() => write(oldBox, { a: 'newer' })));
    await rotation.run();
    expect(await read(newAlone, ['a', 'b'])).toEqual({ a: 'newer', b: 'other' });
    expect(rotation.staleCount).toBe(0);
  });

  it('a value that its session deletes in between does not come back', async () => {
    await write(oldBox, { a: '1', b: '2' });
    await using rotation = rotationOf(disturbed(() => write(oldBox, { a: null })));
    await rotation.run();
    expect(await read(newAlone, ['a', 'b'])).toEqual({ b: '2' });
  });

  it('the owner of the lease goes on writing, and one of before still may not', async () => {
    await write(oldBox, { a: '1' });
    await using rotation = rotationOf();
    await rotation.run();
    await write(newAlone, { a: '2' });
    await expect(rows.write({ ...lease, token: 4 }, [])).rejects.toThrow('is stale');
    expect(await read(newAlone, ['a'])).toEqual({ a: '2' });
  });

  it('what cannot be decrypted is counted, told and left as it is', async () => {
    await write(oldBox, many);
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
    expect(await read(newAlone, Object.keys(many))).toEqual(many);
  });

  /** Of the old key in what is on the disk. */
  const traces = () =>
    readdirSync(directory.path)
      .map((name) => readFileSync(join(directory.path, name)).toString('latin1'))
      .join('')
      .split(Buffer.from(oldBox.currentKeyPrefix).toString('latin1')).length - 1;

  it('nothing is left of the old one in the files, also when that was prevented once, and only then the end is told', async () => {
    await write(oldBox, many);
    const { encryptedValues } = rows;
    await using prevented = rotationOf({
      tables: encryptedValues.tables,
      countStale: (header) => encryptedValues.countStale(header),
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
    expect(await read(newAlone, Object.keys(many))).toEqual(many);
  });

  it('what was replaced when the process ended is out of the files after the next start', async () => {
    await write(oldBox, { a: '1' });
    let ending: KeyRotation | undefined;
    ending = rotationOf(disturbed(async () => void ending?.[Symbol.asyncDispose]()));
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

  it('what an earlier version had bound to its id comes under the new key once its session reads it', async () => {
    await write(oldBox, { a: '1', b: '2', c: '3' });
    await bindToIds(['a', 'b', 'c']);
    await using rotation = rotationOf();
    await rotation.run();
    expect(rotation.staleCount, 'nobody but the session can open them').toBe(3);

    expect(await read(bothKeys, ['a', 'b'])).toEqual({ a: '1', b: '2' });
    await rotation.run();
    expect(rotation.staleCount, 'what no session has read').toBe(1);
    expect(await read(newAlone, ['a', 'b'])).toEqual({ a: '1', b: '2' });
  });

  it('what is read while its session writes it anew stays what the session wrote', async () => {
    await write(oldBox, { a: 'older' });
    await bindToIds(['a']);
    const credentials = await new CredentialStore(rows, bothKeys).open(lease);
    const [reading] = await Promise.all([
      credentials.read('session', ['a']),
      credentials.write([{ type: 'session', id: 'a', value: 'newer' }]),
    ]);
    expect(reading).toEqual(new Map([['a', 'older']]));
    expect(await read(bothKeys, ['a'])).toEqual({ a: 'newer' });
  });

  it('what was bound to its id is read though it cannot be replaced', async () => {
    await write(oldBox, { a: '1' });
    await bindToIds(['a']);
    vi.spyOn(rows, 'replace').mockRejectedValueOnce(new Error('database or disk is full'));
    expect(await read(bothKeys, ['a'])).toEqual({ a: '1' });
  });

  it('what the end of the process interrupts is done by the next one', async () => {
    await write(oldBox, many);
    let rotation: KeyRotation | undefined;
    rotation = rotationOf(disturbed(async () => void rotation?.[Symbol.asyncDispose]()));
    await rotation.run();
    expect(rotation.staleCount).toBe(86);

    await using next = rotationOf();
    await next.run();
    expect(next.staleCount).toBe(0);
    expect(await read(newAlone, Object.keys(many))).toEqual(many);
  });
});
