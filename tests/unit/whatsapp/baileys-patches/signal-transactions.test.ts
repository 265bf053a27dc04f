import {
  addTransactionCapability,
  encodeWAMessage,
  generateSignalPubKey,
  initAuthCreds,
  type SignalDataSet,
  type SignalDataTypeMap,
} from '@whiskeysockets/baileys';
import { makeLibSignalRepository } from '@whiskeysockets/baileys/lib/Signal/libsignal.js';
import { describe, expect, it } from 'vitest';
import { isolateSignalTransactions } from '../../../../src/whatsapp/baileys-patches/signal-transactions.ts';
import { baileysLogger } from '../../../../src/whatsapp/connection/baileys-logger.ts';
import { bindJobsToAsyncContext } from '../../../../src/whatsapp/baileys-patches/libsignal-async-context.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';
import { SignalStore } from '../../../../dev-env/simulators/whatsapp/signal/signal-store.ts';

const asked = '79165550001@s.whatsapp.net';
const other = '79165550002@s.whatsapp.net';
const lid = '104065625028779@lid';
const salon = '79031112233.1';

type Answer = { pn: string; lid: string }[] | undefined;

/** Baileys' own keeping of keys on a store in memory, and a WhatsApp that answers a look-up when it is told to. */
function keeping() {
  const stored = new Map<string, unknown>();
  const reads = { onSession: async () => {} };
  const store = {
    get: async <Type extends keyof SignalDataTypeMap>(type: Type, ids: string[]) => {
      if (type === 'session') await reads.onSession();
      return Object.fromEntries(ids.map((id) => [id, stored.get(`${type}/${id}`)])) as Record<
        string,
        SignalDataTypeMap[Type]
      >;
    },
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
  isolateSignalTransactions({ authState: { creds, keys }, signalRepository }, { abort: () => undefined });
  return { keys, signalRepository, answers, stored, reads };
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

it('a number whose hidden identity is learned in the middle of a message uses no key twice', async () => {
  bindJobsToAsyncContext();
  const { signalRepository, answers, reads, stored } = keeping();
  stored.set('device-list/79165550001', ['0']);
  const client = new SignalStore();
  const { oneTimePrekey, ...bundle } = client.published.takeBundle();
  await signalRepository.injectE2ESession({
    jid: asked,
    session: {
      registrationId: bundle.registrationId,
      identityKey: generateSignalPubKey(bundle.identityKey),
      signedPreKey: {
        keyId: bundle.signedPrekey.id,
        publicKey: generateSignalPubKey(bundle.signedPrekey.value),
        signature: bundle.signedPrekey.signature,
      },
      preKey: {
        keyId: oneTimePrekey?.id ?? 0,
        publicKey: generateSignalPubKey(oneTimePrekey?.value ?? new Uint8Array(32)),
      },
    },
  });
  const data = encodeWAMessage({ conversation: 'Ждём вас' });
  const first = await signalRepository.encryptMessage({ jid: asked, data });
  const isReading = Promise.withResolvers<void>();
  const mayRead = Promise.withResolvers<void>();
  reads.onSession = () => {
    isReading.resolve();
    return mayRead.promise;
  };
  const sending = signalRepository.encryptMessage({ jid: asked, data });
  await isReading.promise;
  // As the envelope of a received message does.
  await signalRepository.lidMapping.storeLIDPNMappings([{ lid, pn: asked }]);
  const moving = signalRepository.migrateSession(asked, lid);
  mayRead.resolve();
  const second = await sending;
  await moving;
  const third = await signalRepository.encryptMessage({ jid: lid, data });
  for (const { type, ciphertext } of [first, second, third])
    await client.decrypt(salon, { type, body: Buffer.from(ciphertext) });
  expect(answers).toEqual([]);
});
