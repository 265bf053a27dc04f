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
import { SignalStore } from '../../../../dev-env/simulators/whatsapp/signal/signal-store.ts';
import { bindJobsToAsyncContext } from '../../../../src/whatsapp/baileys-patches/libsignal-async-context.ts';
import { isolateSignalTransactions } from '../../../../src/whatsapp/baileys-patches/signal-transactions.ts';
import { baileysLogger } from '../../../../src/whatsapp/connection/baileys-logger.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';

const phoneJid = '79165550001@s.whatsapp.net';
const otherJid = '79165550002@s.whatsapp.net';
const lid = '104065625028779@lid';
const salon = '79031112233.1';

type LidQueryResult = { pn: string; lid: string }[] | undefined;

/** Baileys' Signal repository on an in-memory store; LID queries stay pending until the test resolves them. */
function createRepository() {
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
  const pendingQueries: ((result: LidQueryResult) => void)[] = [];
  const queryLid = () => new Promise<LidQueryResult>((resolve) => pendingQueries.push(resolve));
  const signalRepository = makeLibSignalRepository({ creds, keys }, logger, queryLid);
  isolateSignalTransactions({ authState: { creds, keys }, signalRepository }, { abort: () => undefined });
  return { keys, signalRepository, pendingQueries, stored, reads };
}

describe('while a LID query is pending', () => {
  it('encryption does not wait for its result', async () => {
    const { signalRepository, pendingQueries, stored } = createRepository();
    const lookUp = signalRepository.lidMapping.getLIDForPN(phoneJid);
    await expect.poll(() => pendingQueries.length).toBe(1);
    const data = Buffer.from('a');
    for (const jid of [phoneJid, otherJid])
      await expect(signalRepository.encryptMessage({ jid, data })).rejects.toThrow('No sessions');
    expect(pendingQueries).toHaveLength(1);

    pendingQueries[0]?.([{ pn: phoneJid, lid }]);
    expect(await lookUp).toBe(lid);
    expect(stored.get('lid-mapping/79165550001')).toBe('104065625028779');
  });

  it('its result can be stored during a key transaction', async () => {
    const { keys, signalRepository, pendingQueries } = createRepository();
    const lookUp = signalRepository.lidMapping.getLIDForPN(phoneJid);
    await expect.poll(() => pendingQueries.length).toBe(1);
    await keys.transaction(async () => {
      pendingQueries[0]?.([{ pn: phoneJid, lid }]);
      expect(await lookUp).toBe(lid);
    }, phoneJid);
  });
});

it('no message key is used twice when a LID is learned while a message is being encrypted', async () => {
  bindJobsToAsyncContext();
  const { signalRepository, pendingQueries, reads, stored } = createRepository();
  stored.set('device-list/79165550001', ['0']);
  const client = new SignalStore();
  const { oneTimePrekey, ...bundle } = client.published.takeBundle();
  await signalRepository.injectE2ESession({
    jid: phoneJid,
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
  const first = await signalRepository.encryptMessage({ jid: phoneJid, data });
  const readStarted = Promise.withResolvers<void>();
  const readAllowed = Promise.withResolvers<void>();
  reads.onSession = () => {
    readStarted.resolve();
    return readAllowed.promise;
  };
  const sending = signalRepository.encryptMessage({ jid: phoneJid, data });
  await readStarted.promise;
  // Baileys does this with the addresses of a received message.
  await signalRepository.lidMapping.storeLIDPNMappings([{ lid, pn: phoneJid }]);
  const migrating = signalRepository.migrateSession(phoneJid, lid);
  readAllowed.resolve();
  const second = await sending;
  await migrating;
  const third = await signalRepository.encryptMessage({ jid: lid, data });
  for (const { type, ciphertext } of [first, second, third])
    await client.decrypt(salon, { type, body: Buffer.from(ciphertext) });
  expect(pendingQueries).toEqual([]);
});
