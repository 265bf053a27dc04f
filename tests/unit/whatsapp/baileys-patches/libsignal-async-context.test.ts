import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { ProtocolAddress, SessionBuilder, SessionCipher, type SignalStorage } from 'libsignal';
import { describe, expect, it } from 'vitest';
import { bindJobsToAsyncContext } from '../../../../src/whatsapp/baileys-patches/libsignal-async-context.ts';

const salonContext = new AsyncLocalStorage<string>();
const address = new ProtocolAddress('79165550001', 0);

const key = { keyId: 1, publicKey: Buffer.alloc(33), signature: Buffer.alloc(64) };
const device = { registrationId: 1, identityKey: Buffer.alloc(33), signedPreKey: key, preKey: key };

/** Records the async context of each call, slowly enough that the next job is queued. */
function createRecordingStorage(contexts: (string | undefined)[]): SignalStorage {
  const recordContext = async (): Promise<undefined> => {
    contexts.push(salonContext.getStore());
    await delay(20);
    return undefined;
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return {
    getOurIdentity: async () => device,
    loadSession: recordContext,
    isTrustedIdentity: recordContext,
  } as unknown as SignalStorage;
}

describe('concurrent libsignal jobs for one address', () => {
  it('each run in the async context of their caller', async () => {
    bindJobsToAsyncContext();
    bindJobsToAsyncContext();
    const contexts: (string | undefined)[] = [];
    const storage = createRecordingStorage(contexts);
    const names = ['Роза', 'Астра', 'Мята'];
    await Promise.all(
      names.map((name) =>
        salonContext.run(name, async () => {
          await expect(new SessionCipher(storage, address).encrypt(Buffer.from('a'))).rejects.toThrow(
            'No sessions',
          );
        }),
      ),
    );
    expect(contexts).toEqual(names);
  });

  it('each run in the async context of their caller when they open a session', async () => {
    bindJobsToAsyncContext();
    const contexts: (string | undefined)[] = [];
    const storage = createRecordingStorage(contexts);
    const names = ['Роза', 'Астра'];
    // No identity is trusted, so each job ends after its first storage call.
    const attempts = names.map((name) =>
      salonContext.run(name, async () => {
        await expect(new SessionBuilder(storage, address).initOutgoing(device)).rejects.toMatchObject({
          name: 'UntrustedIdentityKeyError',
        });
      }),
    );
    await Promise.all(attempts);
    expect(contexts).toEqual(names);
  });
});
