import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { ProtocolAddress, SessionBuilder, SessionCipher, type SignalStorage } from 'libsignal';
import { describe, expect, it } from 'vitest';
import { bindJobsToAsyncContext } from '../../../../src/whatsapp/baileys-patches/libsignal-async-context.ts';

const salon = new AsyncLocalStorage<string>();
const person = new ProtocolAddress('79165550001', 0);

const key = { keyId: 1, publicKey: Buffer.alloc(33), signature: Buffer.alloc(64) };
const device = { registrationId: 1, identityKey: Buffer.alloc(33), signedPreKey: key, preKey: key };

/** Notes in whose context it was asked, slowly enough that the next one has to wait. */
function storageThatNotes(logged: (string | undefined)[]): SignalStorage {
  const ask = async (): Promise<undefined> => {
    logged.push(salon.getStore());
    await delay(20);
    return undefined;
  };
  // Only what these jobs ask for.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return {
    getOurIdentity: async () => device,
    loadSession: ask,
    isTrustedIdentity: ask,
  } as unknown as SignalStorage;
}

describe("libsignal's jobs for one person", () => {
  it('run in the context of the salon whose job it is, also when another one came first', async () => {
    bindJobsToAsyncContext();
    bindJobsToAsyncContext();
    const logged: (string | undefined)[] = [];
    const storage = storageThatNotes(logged);
    const names = ['Роза', 'Астра', 'Мята'];
    await Promise.all(
      names.map((name) =>
        salon.run(name, async () => {
          await expect(new SessionCipher(storage, person).encrypt(Buffer.from('a'))).rejects.toThrow(
            'No sessions',
          );
        }),
      ),
    );
    expect(logged).toEqual(names);
  });

  it('do so too when the first message is prepared', async () => {
    bindJobsToAsyncContext();
    const logged: (string | undefined)[] = [];
    const storage = storageThatNotes(logged);
    const names = ['Роза', 'Астра'];
    // No identity is trusted here: each job ends after its first question.
    const refusals = names.map((name) =>
      salon.run(name, async () => {
        await expect(new SessionBuilder(storage, person).initOutgoing(device)).rejects.toMatchObject({
          name: 'UntrustedIdentityKeyError',
        });
      }),
    );
    await Promise.all(refusals);
    expect(logged).toEqual(names);
  });
});
