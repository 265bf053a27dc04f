import {
  addTransactionCapability,
  initAuthCreds,
  type SignalDataSet,
  type SignalDataTypeMap,
} from '@whiskeysockets/baileys';
import { makeLibSignalRepository } from '@whiskeysockets/baileys/lib/Signal/libsignal.js';
import { describe, expect, it } from 'vitest';
import { keepChatKeys } from '../../src/whatsapp/chat-keys.ts';
import { baileysLogger } from '../../src/whatsapp/baileys-logger.ts';
import { captureLog } from '../harness/captured-log.ts';

const asked = '79165550001@s.whatsapp.net';
const other = '79165550002@s.whatsapp.net';
const lid = '104065625028779@lid';

type Answer = { pn: string; lid: string }[] | undefined;

/** Baileys' own keeping of keys on a store in memory, and a WhatsApp that answers a look-up when it is told to. */
function keeping() {
  const stored = new Map<string, unknown>();
  const store = {
    get: async <Type extends keyof SignalDataTypeMap>(type: Type, ids: string[]) =>
      Object.fromEntries(ids.map((id) => [id, stored.get(`${type}/${id}`)])) as Record<
        string,
        SignalDataTypeMap[Type]
      >,
    set: async (data: SignalDataSet) => {
      for (const [type, values] of Object.entries(data))
        for (const [id, value] of Object.entries(values)) stored.set(`${type}/${id}`, value);
    },
  };
  const logger = baileysLogger(captureLog(), () => performance.now());
  const keys = addTransactionCapability(store, logger, { maxCommitRetries: 1, delayBetweenTriesMs: 1 });
  const creds = { ...initAuthCreds(), me: { id: '79031112233:1@s.whatsapp.net' } };
  const answers: ((answer: Answer) => void)[] = [];
  const ask = () => new Promise<Answer>((resolve) => answers.push(resolve));
  const signalRepository = makeLibSignalRepository({ creds, keys }, logger, ask);
  keepChatKeys({ authState: { creds, keys }, signalRepository }, { giveUp: () => undefined });
  return { keys, signalRepository, answers, stored };
}

describe('while WhatsApp is asked who a number is', () => {
  it('messages to it and to others are encrypted, or refused, without waiting for the answer', async () => {
    const { signalRepository, answers, stored } = keeping();
    const lookUp = signalRepository.lidMapping.getLIDForPN(asked);
    await expect.poll(() => answers.length).toBe(1);
    const data = Buffer.from('a');
    for (const jid of [asked, other])
      await expect(signalRepository.encryptMessage({ jid, data })).rejects.toThrow('No sessions');
    expect(answers).toHaveLength(1);

    answers[0]?.([{ pn: asked, lid }]);
    expect(await lookUp).toBe(lid);
    expect(stored.get('lid-mapping/79165550001')).toBe('104065625028779');
  });

  it('the answer can be kept while a change of keys goes on', async () => {
    const { keys, signalRepository, answers } = keeping();
    const lookUp = signalRepository.lidMapping.getLIDForPN(asked);
    await expect.poll(() => answers.length).toBe(1);
    await keys.transaction(async () => {
      answers[0]?.([{ pn: asked, lid }]);
      expect(await lookUp).toBe(lid);
    }, asked);
  });
});
