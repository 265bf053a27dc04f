import { EventEmitter } from 'node:events';
import { setImmediate as soon } from 'node:timers/promises';
import type { WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it, vi } from 'vitest';
import type {
  ReachoutTimelock,
  ReachoutTimelockSource,
} from '../../../../src/domain/notification/restriction.ts';
import { parseTimelock, ReachoutTimelocks } from '../../../../src/whatsapp/messages/reachout-timelock.ts';

const endsAt = new Date('2026-04-02T12:00:00Z');

type LockState = Parameters<typeof parseTimelock>[0];

/** Of Baileys: the answer to a question is also told by an event. */
function socketThatAnswers(answer: () => Promise<LockState>) {
  const ev = new EventEmitter();
  const fetchAccountReachoutTimelock = async () => {
    const reachoutTimeLock = await answer();
    ev.emit('connection.update', { reachoutTimeLock });
    return reachoutTimeLock;
  };
  const sock = { ev, fetchAccountReachoutTimelock } as unknown as WASocket;
  return { sock, tell: (update: object) => ev.emit('connection.update', update) };
}

function watched(sock: WASocket, answerTimeoutMs: number) {
  const reported: (readonly [ReachoutTimelock, ReachoutTimelockSource])[] = [];
  const locks = new ReachoutTimelocks(answerTimeoutMs);
  locks.watch(sock, (...news) => reported.push(news));
  return { locks, told: reported };
}

describe('a lock on new chats', () => {
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
  ])('told as %j is read as %j', (state, lock) => {
    expect(parseTimelock(state)).toEqual(lock);
  });

  it('is reported when WhatsApp tells it unasked, and an answer is given to who asked alone', async () => {
    const { sock, tell } = socketThatAnswers(async () => ({ isActive: true, timeEnforcementEnds: endsAt }));
    const { locks, told } = watched(sock, 1_000);
    expect(await locks.query(sock)).toEqual({ isActive: true, endsAt });
    await soon();
    expect(told).toEqual([]);
    tell({ connection: 'open' });
    tell({ reachoutTimeLock: { isActive: false } });
    await soon();
    expect(told).toEqual([[{ isActive: false }, 'announced']]);
  });

  it('is reported when WhatsApp tells it while it owes an answer, which still goes to who asked', async () => {
    const answer = Promise.withResolvers<LockState>();
    const { sock, tell } = socketThatAnswers(() => answer.promise);
    const { locks, told } = watched(sock, 1_000);
    const asked = locks.query(sock);
    tell({ reachoutTimeLock: { isActive: true, timeEnforcementEnds: endsAt } });
    await soon();
    expect(told).toEqual([[{ isActive: true, endsAt }, 'announced']]);
    answer.resolve({ isActive: false });
    expect(await asked).toEqual({ isActive: false });
    await soon();
    expect(told).toHaveLength(1);
  });

  it('is reported also when WhatsApp answers or tells it after who asked has given up', async () => {
    const answer = Promise.withResolvers<LockState>();
    const { sock, tell } = socketThatAnswers(() => answer.promise);
    const { locks, told } = watched(sock, 10);
    expect(await locks.query(sock)).toBeUndefined();
    tell({ reachoutTimeLock: { isActive: false } });
    await soon();
    answer.resolve({ isActive: true, timeEnforcementEnds: endsAt });
    await vi.waitFor(() => expect(told).toHaveLength(2));
    expect(told).toEqual([
      [{ isActive: false }, 'announced'],
      [{ isActive: true, endsAt }, 'asked'],
    ]);
  });

  it('is unknown, and not absent, when WhatsApp does not answer or refuses to', async () => {
    const never = socketThatAnswers(() => Promise.withResolvers<LockState>().promise);
    expect(await new ReachoutTimelocks(10).query(never.sock)).toBeUndefined();
    const refusing = socketThatAnswers(async () => {
      throw new Error('rate-overlimit');
    });
    expect(await new ReachoutTimelocks(1_000).query(refusing.sock)).toBeUndefined();
  });
});
