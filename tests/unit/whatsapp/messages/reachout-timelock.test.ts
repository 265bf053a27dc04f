import { EventEmitter } from 'node:events';
import { setImmediate as immediate } from 'node:timers/promises';
import type { WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it, vi } from 'vitest';
import type {
  ReachoutTimelock,
  ReachoutTimelockSource,
} from '../../../../src/domain/notification/restriction.ts';
import { parseTimelock, ReachoutTimelocks } from '../../../../src/whatsapp/messages/reachout-timelock.ts';

const endsAt = new Date('2026-04-02T12:00:00Z');

type LockState = Parameters<typeof parseTimelock>[0];

/** Like Baileys, emits each query result as an event too. */
function createSocket(answer: () => Promise<LockState>) {
  const ev = new EventEmitter();
  const fetchAccountReachoutTimelock = async () => {
    const reachoutTimeLock = await answer();
    ev.emit('connection.update', { reachoutTimeLock });
    return reachoutTimeLock;
  };
  const sock = { ev, fetchAccountReachoutTimelock } as unknown as WASocket;
  return { sock, announce: (update: object) => ev.emit('connection.update', update) };
}

function startWatching(sock: WASocket, queryTimeoutMs: number) {
  const reported: (readonly [ReachoutTimelock, ReachoutTimelockSource])[] = [];
  const locks = new ReachoutTimelocks(queryTimeoutMs);
  locks.watch(sock, (...args) => reported.push(args));
  return { locks, reported };
}

describe('ReachoutTimelocks', () => {
  it.each<[LockState, ReachoutTimelock]>([
    [{ isActive: false }, { isActive: false }],
    [{}, { isActive: false }],
    [{ isActive: false, timeEnforcementEnds: endsAt }, { isActive: false }],
    [{ isActive: true }, { isActive: true }],
    [
      { isActive: true, timeEnforcementEnds: endsAt, enforcementType: 'RESTRICT_ALL_COMPANIONS' as never },
      { isActive: true, endsAt, kind: 'RESTRICT_ALL_COMPANIONS' },
    ],
    [
      { isActive: true, timeEnforcementEnds: new Date(NaN), enforcementType: '+79001112233' as never },
      { isActive: true },
    ],
  ])('parses %j as %j', (state, lock) => {
    expect(parseTimelock(state)).toEqual(lock);
  });

  it('reports an announced lock, and returns a query result to the caller only', async () => {
    const { sock, announce } = createSocket(async () => ({ isActive: true, timeEnforcementEnds: endsAt }));
    const { locks, reported } = startWatching(sock, 1_000);
    expect(await locks.query(sock)).toEqual({ isActive: true, endsAt });
    await immediate();
    expect(reported).toEqual([]);
    announce({ connection: 'open' });
    announce({ reachoutTimeLock: { isActive: false } });
    await immediate();
    expect(reported).toEqual([[{ isActive: false }, 'announced']]);
  });

  it('reports a lock announced during a query, and returns the result to the caller', async () => {
    const answer = Promise.withResolvers<LockState>();
    const { sock, announce } = createSocket(() => answer.promise);
    const { locks, reported } = startWatching(sock, 1_000);
    const query = locks.query(sock);
    announce({ reachoutTimeLock: { isActive: true, timeEnforcementEnds: endsAt } });
    await immediate();
    expect(reported).toEqual([[{ isActive: true, endsAt }, 'announced']]);
    answer.resolve({ isActive: false });
    expect(await query).toEqual({ isActive: false });
    await immediate();
    expect(reported).toHaveLength(1);
  });

  it('reports a result that arrives after the query timed out', async () => {
    const answer = Promise.withResolvers<LockState>();
    const { sock, announce } = createSocket(() => answer.promise);
    const { locks, reported } = startWatching(sock, 10);
    expect(await locks.query(sock)).toBeUndefined();
    announce({ reachoutTimeLock: { isActive: false } });
    await immediate();
    answer.resolve({ isActive: true, timeEnforcementEnds: endsAt });
    await vi.waitFor(() => expect(reported).toHaveLength(2));
    expect(reported).toEqual([
      [{ isActive: false }, 'announced'],
      [{ isActive: true, endsAt }, 'asked'],
    ]);
  });

  it('returns undefined when WhatsApp does not answer or rejects the query', async () => {
    const never = createSocket(() => Promise.withResolvers<LockState>().promise);
    expect(await new ReachoutTimelocks(10).query(never.sock)).toBeUndefined();
    const refusing = createSocket(async () => {
      throw new Error('rate-overlimit');
    });
    expect(await new ReachoutTimelocks(1_000).query(refusing.sock)).toBeUndefined();
  });
});
