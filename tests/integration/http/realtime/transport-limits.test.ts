import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { errorCodes } from '../../../../src/domain/errors/app-error.ts';
import { socketLimits } from '../../../../src/realtime/limits.ts';
import { RawPolling, RawWebSocket } from '../../../support/clients/raw-transport.ts';
import { token, validateToken } from '../../../support/fixtures/test-companies.ts';
import {
  joined,
  type SocketTestServer,
  startSocketTestServer,
} from '../../../support/servers/socket-test-server.ts';

const { max } = socketLimits.packets;
const connectPacket = `40/marketplace,${JSON.stringify({ token })}`;
const refusedConnectPacket = '40/marketplace,{"token":"wrong"}';

async function openWebSocket(server: SocketTestServer): Promise<RawWebSocket> {
  const raw = await RawWebSocket.open(server.url);
  if (raw === undefined) throw new Error('Handshake refused');
  return raw;
}

async function openPolling(server: SocketTestServer): Promise<RawPolling> {
  const raw = await RawPolling.open(server.url);
  if (raw === undefined) throw new Error('Handshake refused');
  return raw;
}

describe('the packet limit of a transport', () => {
  it.for([
    ['pongs', '3'],
    ['no-ops', '6'],
    ['upgrade packets', '5'],
    ['open packets', '0'],
  ] as const)('closes a WebSocket that sends too many %s', async ([, packet]) => {
    await using server = await startSocketTestServer();
    using raw = await openWebSocket(server);
    raw.send(...Array<string>(max).fill(packet));
    await delay(300);
    expect(raw.isClosed).toBe(false);
    raw.send(packet);
    await raw.closed();
    expect(server.log.lines.filter((line) => line.includes('too many packets'))).toHaveLength(1);
  });

  it('counts WebSocket pings, which engine.io does not see', async () => {
    await using server = await startSocketTestServer();
    using raw = await openWebSocket(server);
    for (let count = 0; count <= max; count += 1) raw.socket.ping();
    await raw.closed();
    expect(server.log.lines.join('\n')).toContain('too many packets');
  });

  it.for([
    ['acknowledgements', '43/marketplace,1[]'],
    ['pongs', '3'],
  ] as const)('closes a WebSocket that joined and sends too many %s', async ([, packet]) => {
    await using server = await startSocketTestServer();
    using raw = await openWebSocket(server);
    raw.send(connectPacket);
    await raw.packet('40/marketplace');
    raw.send(...Array<string>(max).fill(packet));
    await raw.closed();
    expect(server.log.lines.join('\n')).toContain('too many packets');
  });

  it('closes a polling transport, also within one request', async () => {
    await using server = await startSocketTestServer();
    const raw = await openPolling(server);
    expect(await raw.send(...Array<string>(max).fill('3'))).toBe(true);
    await raw.send('3');
    expect(await raw.send('3')).toBe(false);
    const inOneRequest = await openPolling(server);
    await inOneRequest.send(...Array<string>(max + 1).fill('3'));
    expect(await inOneRequest.send('3')).toBe(false);
  });

  it('counts the probes of an upgrade', async () => {
    await using server = await startSocketTestServer();
    const polling = await openPolling(server);
    using raw = await RawWebSocket.open(server.url, { sid: polling.sid });
    raw?.send(...Array<string>(max + 1).fill('2probe'));
    await raw?.closed();
    expect(await polling.send('3')).toBe(false);
  });

  it('allows one upgrade attempt per transport', async () => {
    await using server = await startSocketTestServer();
    const polling = await openPolling(server);
    using first = await RawWebSocket.open(server.url, { sid: polling.sid });
    expect(first).toBeDefined();
    first?.send('6');
    await first?.closed();
    expect(await RawWebSocket.open(server.url, { sid: polling.sid })).toBeUndefined();
    expect(await polling.send('3')).toBe(true);
  });

  it('ends the connection of a client that does not answer the close frame', async () => {
    await using server = await startSocketTestServer();
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(socket, 'data');
    const openedMs = performance.now();
    // A masked text frame with the packet `2`, which only a server may send.
    socket.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x32]));
    await once(socket, 'close');
    expect(performance.now() - openedMs).toBeLessThan(socketLimits.closeGraceMs + 1000);
  });
});

describe('a refused handshake', () => {
  it.for(['websocket', 'polling'] as const)('is answered once per transport, over %s', async (transport) => {
    let validations = 0;
    await using server = await startSocketTestServer({
      service: {
        validateToken: async (...args) => {
          validations += 1;
          return await validateToken(...args);
        },
      },
    });
    const packets = Array<string>(50).fill(refusedConnectPacket);
    if (transport === 'polling') {
      const raw = await openPolling(server);
      await raw.send(...packets);
      await raw.closed();
    } else {
      using raw = await openWebSocket(server);
      raw.send(...packets);
      await raw.closed();
    }
    expect(validations).toBeLessThanOrEqual(1);
  });

  it('is not followed by another one on the same transport', async () => {
    await using server = await startSocketTestServer();
    using raw = await openWebSocket(server);
    raw.send(refusedConnectPacket);
    await raw.packet('44/marketplace');
    raw.send(connectPacket);
    await raw.closed(500);
    expect(raw.received.some((packet) => packet.startsWith('40'))).toBe(false);
  });

  it.for([
    ['a wrong token', refusedConnectPacket, '44/marketplace,{"message":"INVALID_TOKEN","data":'],
    ['no token', '40/marketplace', '44/marketplace,{"message":"INVALID_TOKEN","data":'],
    ['the namespace /', '40', '44{"message":"Invalid namespace"}'],
    ['an unknown namespace', '40/admin', '44/admin,{"message":"Invalid namespace"}'],
  ] as const)('with %s is answered, then the transport is closed', async ([, packet, answer]) => {
    await using server = await startSocketTestServer();
    using raw = await openWebSocket(server);
    raw.send(packet);
    expect(await raw.packet('44')).toContain(answer);
    await raw.closed(2000);
    const polling = await openPolling(server);
    await polling.send(packet);
    expect((await polling.poll())?.join('')).toContain(answer);
    await polling.closed(2000);
  });

  it('over the rate limit is answered, then the transport is closed', async () => {
    await using server = await startSocketTestServer({ connectionsPerMinute: 1 });
    await joined(server.open());
    using raw = await openWebSocket(server);
    raw.send(connectPacket);
    expect(await raw.packet('44')).toContain('"retryAfter":60');
    await raw.closed(2000);
  });

  it.for([[['websocket']], [['polling']], [['polling', 'websocket']]] as const)(
    'delivers the data of connect_error over %s',
    async ([transports]) => {
      await using server = await startSocketTestServer();
      const client = server.open({ transports: [...transports], auth: { token: 'wrong' } });
      const error = await waitFor('the connect error', () => client.connectErrors[0]);
      expect(error.data).toEqual({ code: 'INVALID_TOKEN', message: errorCodes.INVALID_TOKEN.text.ru });
      await delay(socketLimits.closeGraceMs + 200);
      expect(client.connectErrors).toHaveLength(1);
      client.socket.auth = { token };
      client.socket.connect();
      await joined(client);
    },
  );
});

describe('a transport outside the namespace', () => {
  const limits = { connectTimeoutMs: 300 };

  it('is closed at the connect timeout, even if it never polls', async () => {
    await using server = await startSocketTestServer({ limits });
    using webSocket = await openWebSocket(server);
    const polling = await openPolling(server);
    expect(await polling.send('3')).toBe(true);
    await delay(limits.connectTimeoutMs + 200);
    expect(await polling.send('3')).toBe(false);
    await webSocket.closed();
  });

  it('is closed at the connect timeout after it left the namespace', async () => {
    await using server = await startSocketTestServer({ limits });
    using raw = await openWebSocket(server);
    raw.send(connectPacket);
    await raw.packet('40/marketplace');
    await delay(limits.connectTimeoutMs + 200);
    expect(raw.isClosed).toBe(false);
    raw.send('41/marketplace,');
    await raw.closed();
  });
});

describe('the limit of open transports', () => {
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

  it('applies per address, a /64 being one, until a transport is closed', async () => {
    await using server = await startSocketTestServer({
      trustProxy: 1,
      limits: { openTransports: { perAddress: 2, total: 100 } },
    });
    using first = await RawWebSocket.open(server.url, from('2001:db8::1'));
    expect(await RawPolling.open(server.url, from('2001:db8::2'))).toBeDefined();
    expect(await RawPolling.open(server.url, from('2001:db8::3'))).toBeUndefined();
    expect(await RawWebSocket.open(server.url, from('2001:db8::4'))).toBeUndefined();
    expect(await RawPolling.open(server.url, from('2001:db8:0:1::1'))).toBeDefined();
    first?.socket.close();
    await first?.closed();
    expect(await RawPolling.open(server.url, from('2001:db8::3'))).toBeDefined();
  });

  it('applies in total, with a warning', async () => {
    await using server = await startSocketTestServer({
      trustProxy: 1,
      limits: { openTransports: { perAddress: 2, total: 3 } },
    });
    for (const address of ['203.0.113.1', '203.0.113.2', '203.0.113.3'])
      expect(await RawPolling.open(server.url, from(address))).toBeDefined();
    expect(await RawPolling.open(server.url, from('203.0.113.4'))).toBeUndefined();
    expect(await RawWebSocket.open(server.url, from('203.0.113.5'))).toBeUndefined();
    expect(server.log.lines.filter((line) => line.includes('limit of open transports'))).toHaveLength(1);
  });

  it('holds for concurrent handshakes', async () => {
    await using server = await startSocketTestServer({
      limits: { openTransports: { perAddress: 3, total: 100 } },
    });
    const raws = await Promise.all(Array.from({ length: 20 }, () => RawWebSocket.open(server.url)));
    await delay(300);
    expect(raws.filter((raw) => raw !== undefined && !raw.isClosed)).toHaveLength(3);
    for (const raw of raws) raw?.[Symbol.dispose]();
  });

  it('leaves room for twenty pages of one salon', async () => {
    await using server = await startSocketTestServer();
    const clients = Array.from({ length: 20 }, () => server.open());
    for (const client of clients) await joined(client);
    expect(clients.every(({ socket }) => socket.connected)).toBe(true);
  });
});
