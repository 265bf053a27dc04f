import { EventEmitter } from 'node:events';
import type { WASocket } from '@whiskeysockets/baileys';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Connection } from '../../../../src/whatsapp/connection/connection.ts';
import type { AuthState } from '../../../../src/whatsapp/credentials/auth-state.ts';

const qrText = 'https://wa.me/settings/linked_devices#ref,noise,identity,secret,1';
const notification = { tag: 'notification', attrs: { id: '1' } };

/** A connection on a fake socket, and the handler calls it makes. */
class TestConnection {
  readonly calls: string[] = [];
  readonly #ws = new EventEmitter();
  readonly connection: Connection;

  /** How often Baileys' event buffer was flushed. */
  flushes = 0;

  constructor({ isLinked = false } = {}) {
    const creds = {};
    // The members of Baileys' socket and of our credentials that a connection uses.
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
        onQr: (_text, kind) => this.calls.push(`qr ${kind}`),
        onPasskeyRequired: () => this.calls.push('passkey'),
        onLinked: () => this.calls.push('linked'),
        onOpen: () => this.calls.push('open'),
        onClosed: (_connection, { code }) => this.calls.push(`closed ${code}`),
      },
      onEndError: () => this.calls.push('end failed'),
      onSecretRotationError: () => this.calls.push('renewal failed'),
    });
  }

  receive(type: 'companion_reg_refresh' | 'passkey_prologue_request'): void {
    this.#ws.emit(`CB:notification,type:${type}`, notification);
  }

  /** The handler calls within the next seconds. */
  async callsWithin(seconds: number): Promise<string[]> {
    this.calls.length = 0;
    await vi.advanceTimersByTimeAsync(seconds * 1_000);
    return this.calls;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a socket without a response', () => {
  it('counts as closed after 30 s without a QR code or login', async () => {
    const subject = new TestConnection();
    expect(await subject.callsWithin(29)).toEqual([]);
    expect(await subject.callsWithin(1)).toEqual(['closed 408']);
  });

  it('counts as closed when the next QR code is overdue', async () => {
    const subject = new TestConnection();
    for (let codes = 0; codes < 3; codes += 1) {
      subject.connection.handleUpdate({ qr: qrText });
      expect(await subject.callsWithin(60)).toEqual([]);
    }
    expect(await subject.callsWithin(30)).toEqual(['closed 408']);
  });

  it('restarts by itself after the phone has linked it', async () => {
    const subject = new TestConnection();
    subject.connection.handleUpdate({ qr: qrText });
    subject.connection.handleUpdate({ isNewLogin: true });
    expect(await subject.callsWithin(30)).toEqual(['closed 515']);
  });

  it('is closed after a required passkey, even if Baileys emits more QR codes', async () => {
    const subject = new TestConnection();
    subject.connection.handleUpdate({ qr: qrText });
    subject.receive('passkey_prologue_request');
    subject.connection.handleUpdate({ qr: qrText });
    expect(await subject.callsWithin(20)).toEqual(['closed passkey']);
  });

  it('does not time out once it is open', async () => {
    const subject = new TestConnection({ isLinked: true });
    subject.connection.handleUpdate({ connection: 'open' });
    expect(await subject.callsWithin(3_600)).toEqual([]);
  });
});

describe('events buffered by Baileys', () => {
  it.each([
    ['we end the socket', (connection: Connection) => connection.end()],
    ['WhatsApp closes it', (connection: Connection) => connection.handleUpdate({ connection: 'close' })],
  ])('are flushed when %s', (_cause, end) => {
    const subject = new TestConnection({ isLinked: true });
    subject.connection.handleUpdate({ connection: 'open' });
    expect(subject.flushes).toBe(0);
    end(subject.connection);
    expect(subject.flushes).toBe(1);
  });

  it('are flushed when all pending notifications have arrived', () => {
    const subject = new TestConnection({ isLinked: true });
    subject.connection.handleUpdate({ connection: 'open' });
    subject.connection.handleUpdate({ receivedPendingNotifications: false });
    expect(subject.flushes).toBe(0);
    subject.connection.handleUpdate({ receivedPendingNotifications: true });
    expect(subject.flushes).toBe(1);
  });
});

describe('a replaced socket', () => {
  it.each(['connecting', 'showing a code', 'open'])(
    'that was %s makes no further handler calls',
    async (state) => {
      const subject = new TestConnection();
      if (state === 'showing a code') subject.connection.handleUpdate({ qr: qrText });
      if (state === 'open') subject.connection.handleUpdate({ connection: 'open' });
      subject.connection.end();
      subject.calls.length = 0;

      subject.connection.handleUpdate({ qr: qrText });
      subject.connection.handleUpdate({ isNewLogin: true });
      subject.connection.handleUpdate({ connection: 'open' });
      subject.connection.handleUpdate({ connection: 'close' });
      subject.receive('companion_reg_refresh');
      subject.receive('passkey_prologue_request');
      expect(subject.calls).toEqual([]);
      expect(await subject.callsWithin(3_600)).toEqual([]);
    },
  );
});
