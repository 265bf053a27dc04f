import { EventEmitter } from 'node:events';
import type { WASocket } from '@whiskeysockets/baileys';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AuthState } from '../../../../src/whatsapp/credentials/auth-state.ts';
import { Connection } from '../../../../src/whatsapp/connection/connection.ts';

const qrText = 'https://wa.me/settings/linked_devices#ref,noise,identity,secret,1';
const demand = { tag: 'notification', attrs: { id: '1' } };

/** A connection on a socket that says only what the test makes it say. */
class Subject {
  readonly told: string[] = [];
  readonly #ws = new EventEmitter();
  readonly connection: Connection;

  /** How often Baileys was asked for what it holds back. */
  flushes = 0;

  constructor({ isLinked = false } = {}) {
    const creds = {};
    // What a connection touches of Baileys' socket and of our credentials.
    const sock = {
      ws: this.#ws,
      ev: { flush: () => (this.flushes += 1) },
      end: async () => undefined,
      authState: { creds },
      sendNode: async () => undefined,
    } as unknown as WASocket;
    const auth = { isLinked, creds } as unknown as AuthState;
    this.connection = new Connection(sock, auth, {
      version: [2, 3000, 1],
      responseTimeoutMs: 30_000,
      qrLifetimeMs: 60_000,
      passkeyTimeoutMs: 20_000,
      monotonicMs: () => Date.now(),
      handlers: {
        onQr: (_text, turn) => this.told.push(`qr ${turn}`),
        onPasskeyRequired: () => this.told.push('passkey'),
        onLinked: () => this.told.push('linked'),
        onOpen: () => this.told.push('open'),
        onClosed: (_connection, { code }) => this.told.push(`closed ${code}`),
      },
      onEndError: () => this.told.push('end failed'),
      onSecretRotationError: () => this.told.push('renewal failed'),
    });
  }

  hears(notification: 'companion_reg_refresh' | 'passkey_prologue_request'): void {
    this.#ws.emit(`CB:notification,type:${notification}`, demand);
  }

  /** What is told within so many seconds. */
  async within(seconds: number): Promise<string[]> {
    this.told.length = 0;
    await vi.advanceTimersByTimeAsync(seconds * 1_000);
    return this.told;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a socket that falls silent', () => {
  it('before a code or a login counts as closed after 30 s', async () => {
    const subject = new Subject();
    expect(await subject.within(29)).toEqual([]);
    expect(await subject.within(1)).toEqual(['closed 408']);
  });

  it('with a code on the screen counts as closed once the next one is overdue', async () => {
    const subject = new Subject();
    for (let codes = 0; codes < 3; codes += 1) {
      subject.connection.handleUpdate({ qr: qrText });
      expect(await subject.within(60)).toEqual([]);
    }
    expect(await subject.within(30)).toEqual(['closed 408']);
  });

  it('after the phone has accepted it restarts by itself', async () => {
    const subject = new Subject();
    subject.connection.handleUpdate({ qr: qrText });
    subject.connection.handleUpdate({ isNewLogin: true });
    expect(await subject.within(30)).toEqual(['closed 515']);
  });

  it('after it asked for a passkey is given up, whatever codes it still shows', async () => {
    const subject = new Subject();
    subject.connection.handleUpdate({ qr: qrText });
    subject.hears('passkey_prologue_request');
    subject.connection.handleUpdate({ qr: qrText });
    expect(await subject.within(20)).toEqual(['closed passkey']);
  });

  it('while it is open is not the watchdog’s business', async () => {
    const subject = new Subject({ isLinked: true });
    subject.connection.handleUpdate({ connection: 'open' });
    expect(await subject.within(3_600)).toEqual([]);
  });
});

describe('what Baileys holds back', () => {
  it.each([
    ['our end of the socket', (connection: Connection) => connection.end()],
    ["WhatsApp's", (connection: Connection) => connection.handleUpdate({ connection: 'close' })],
  ])('is told before %s throws it away', (_whose, end) => {
    const subject = new Subject({ isLinked: true });
    subject.connection.handleUpdate({ connection: 'open' });
    expect(subject.flushes).toBe(0);
    end(subject.connection);
    expect(subject.flushes).toBe(1);
  });
});

describe('what waited for the login', () => {
  it('is told when all of it has come, whatever else Baileys waits for', () => {
    const subject = new Subject({ isLinked: true });
    subject.connection.handleUpdate({ connection: 'open' });
    subject.connection.handleUpdate({ receivedPendingNotifications: false });
    expect(subject.flushes).toBe(0);
    subject.connection.handleUpdate({ receivedPendingNotifications: true });
    expect(subject.flushes).toBe(1);
  });
});

describe('a socket that was replaced', () => {
  it.each(['connecting', 'showing a code', 'open'])('while it was %s tells nothing any more', async (was) => {
    const subject = new Subject();
    if (was === 'showing a code') subject.connection.handleUpdate({ qr: qrText });
    if (was === 'open') subject.connection.handleUpdate({ connection: 'open' });
    subject.connection.end();
    subject.told.length = 0;

    subject.connection.handleUpdate({ qr: qrText });
    subject.connection.handleUpdate({ isNewLogin: true });
    subject.connection.handleUpdate({ connection: 'open' });
    subject.connection.handleUpdate({ connection: 'close' });
    subject.hears('companion_reg_refresh');
    subject.hears('passkey_prologue_request');
    expect(subject.told).toEqual([]);
    expect(await subject.within(3_600)).toEqual([]);
  });
});
