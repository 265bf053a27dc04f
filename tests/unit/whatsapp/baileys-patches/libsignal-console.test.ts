import { SessionRecord } from 'libsignal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silenceLibsignal } from '../../../../src/whatsapp/baileys-patches/libsignal-console.ts';

/** Methods that libsignal's types omit. */
type Session = { indexInfo: { baseKey: Buffer; closed: number }; privKey: string };
type Record = {
  setSession(session: Session): void;
  closeSession(session: Session): void;
  openSession(session: Session): void;
  removeOldSessions(): void;
};

const methods = ['debug', 'info', 'log', 'warn', 'error'] as const;

describe('the console with libsignal silenced', () => {
  const original = { ...console };
  let printed: unknown[][] = [];

  beforeEach(() => {
    printed = [];
    for (const method of methods) console[method] = (...args: unknown[]) => void printed.push(args);
  });

  afterEach(() => {
    for (const method of methods) console[method] = original[method];
  });

  it('drops the output about closed, reopened and archived Signal sessions', () => {
    useAndCloseSession();
    expect(JSON.stringify(printed)).toContain('a private ratchet key');

    printed = [];
    silenceLibsignal(console);
    useAndCloseSession();
    expect(printed).toEqual([]);
  });

  it('passes all other output through once', () => {
    silenceLibsignal(console);
    silenceLibsignal(console);
    for (const method of methods) console[method]('a line', { of: method });
    expect(printed).toEqual(methods.map((method) => ['a line', { of: method }]));
  });

  it('filters again after a wrapper has replaced a method and copied its marks', () => {
    silenceLibsignal(console);
    const wrapper = Object.assign((...args: unknown[]) => void printed.push(args), console.info);
    console.info = wrapper;
    silenceLibsignal(console);
    useAndCloseSession();
    expect(printed).toEqual([]);
  });
});

/** Triggers all of libsignal's session output. */
function useAndCloseSession(): void {
  const record = SessionRecord.deserialize({ version: 'v1' } as unknown as Uint8Array) as unknown as Record;
  const session = {
    indexInfo: { baseKey: Buffer.from('base'), closed: -1 },
    privKey: 'a private ratchet key',
  };
  record.setSession(session);
  record.openSession(session);
  record.closeSession(session);
  record.closeSession(session);
  for (let old = 0; old < 41; old += 1) {
    record.setSession({ ...session, indexInfo: { baseKey: Buffer.from([old]), closed: old } });
  }
  record.removeOldSessions();
}
