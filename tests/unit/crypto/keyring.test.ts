import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Keyring, UnreadableSecretError } from '../../../src/crypto/keyring.ts';

const oldKey = { id: 'old', key: randomBytes(32) };
const newKey = { id: 'new', key: randomBytes(32) };

describe('Keyring', () => {
  it('decrypts its own ciphertext and never repeats one', () => {
    const keyring = new Keyring([newKey]);
    const sealed = keyring.seal('company:1', 'secret');
    expect(keyring.open('company:1', sealed).toString()).toBe('secret');
    expect(keyring.seal('company:1', 'secret').equals(sealed)).toBe(false);
    expect(sealed.includes('secret')).toBe(false);
  });

  it('decrypts values of an older key after a new one was added', () => {
    const sealed = new Keyring([oldKey]).seal('c', 'secret');
    expect(new Keyring([newKey, oldKey]).open('c', sealed).toString()).toBe('secret');
    expect(() => new Keyring([newKey]).open('c', sealed)).toThrow('"old"');
  });

  it('rejects a value of another context', () => {
    const keyring = new Keyring([newKey]);
    expect(() => keyring.open('company:2', keyring.seal('company:1', 'secret'))).toThrow(
      UnreadableSecretError,
    );
  });

  it('rejects a value with any bit changed or truncated', () => {
    const keyring = new Keyring([newKey]);
    const sealed = keyring.seal('c', 'secret');
    for (let at = 0; at < sealed.length; at += 1) {
      const altered = Buffer.from(sealed);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(() => keyring.open('c', altered)).toThrow(UnreadableSecretError);
      expect(() => keyring.open('c', sealed.subarray(0, at))).toThrow(UnreadableSecretError);
    }
  });
});
