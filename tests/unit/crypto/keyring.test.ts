import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Keyring, UnreadableSecretError } from '../../../src/crypto/keyring.ts';

const oldKey = { id: 'old', key: randomBytes(32) };
const newKey = { id: 'new', key: randomBytes(32) };

describe('SecretBox', () => {
  it('opens what it sealed, and seals the same differently each time', () => {
    const box = new Keyring([newKey]);
    const sealed = box.seal('company:1', 'secret');
    expect(box.open('company:1', sealed).toString()).toBe('secret');
    expect(box.seal('company:1', 'secret').equals(sealed)).toBe(false);
    expect(sealed.includes('secret')).toBe(false);
  });

  it('still opens values of an older key after a new one came first', () => {
    const sealed = new Keyring([oldKey]).seal('c', 'secret');
    expect(new Keyring([newKey, oldKey]).open('c', sealed).toString()).toBe('secret');
    expect(() => new Keyring([newKey]).open('c', sealed)).toThrow('"old"');
  });

  it('does not open a value that was moved to another place', () => {
    const box = new Keyring([newKey]);
    expect(() => box.open('company:2', box.seal('company:1', 'secret'))).toThrow(UnreadableSecretError);
  });

  it('does not open a value of which any bit was altered or lost', () => {
    const box = new Keyring([newKey]);
    const sealed = box.seal('c', 'secret');
    for (let at = 0; at < sealed.length; at += 1) {
      const altered = Buffer.from(sealed);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(() => box.open('c', altered)).toThrow(UnreadableSecretError);
      expect(() => box.open('c', sealed.subarray(0, at))).toThrow(UnreadableSecretError);
    }
  });
});
