import { AsyncLocalStorage } from 'node:async_hooks';
import type { WASocket } from '@whiskeysockets/baileys';
import { type AuthState, CredentialsNotSavedError } from '../credentials/auth-state.ts';
import { getMethod, type Prototype } from './monkey-patch.ts';

/** Baileys locks by these names; whatever works on the keys of chats has one name for all. */
const chatKeysLock = 'chats';
/** Of the transaction that keeps which number is which hidden identity: whoever asks WhatsApp for that may wait with it. */
const lidMappingLock = 'lid-mapping';

/** Runs a function outside of all transactions. */
const runOutsideTransaction = AsyncLocalStorage.snapshot();

/**
 * Gives each change of a chat's keys to the store by itself, one after another, before its result is used. Baileys 7 makes a
 * whole send one transaction, which is written after the message has left, and lets the receiving change the same keys
 * meanwhile: the last to write wins, the other change is lost, and what one side writes next the other cannot read. Its long
 * transactions, named after the account, stay as they are for everything else; they may wait for WhatsApp, a change may not.
 */
export function isolateSignalTransactions(
  { authState, signalRepository }: Pick<WASocket, 'authState' | 'signalRepository'>,
  auth: Pick<AuthState, 'abort'>,
): void {
  const { creds, keys } = authState;
  const activeLookups = new AsyncLocalStorage<LidLookups>();
  const transaction = keys.transaction.bind(keys);
  keys.transaction = async (work, name) => {
    if (name === creds.me?.id || name === lidMappingLock) return await transaction(work, name);
    if (activeLookups.getStore() !== undefined) return await work();
    try {
      return await runOutsideTransaction(() =>
        activeLookups.run(new Map(), () => transaction(work, chatKeysLock)),
      );
    } catch (error) {
      // Baileys would leave this recipient out and send the message to the others.
      if (error instanceof CredentialsNotSavedError) auth.abort(error);
      throw error;
    }
  };
  skipLidQueriesDuring(() => activeLookups.getStore(), signalRepository.lidMapping);
}

type LidMapping = WASocket['signalRepository']['lidMapping'];
/** What the look-ups of one change gave, by the numbers asked for. */
type LidLookups = Map<string, ReturnType<LidMapping['getLIDsForPNs']>>;

/**
 * Baileys looks a number up at each touch of its keys, at WhatsApp too if need be. Under the lock it is left at what is known:
 * everybody asks before, and who has asked already waits for the same answer with what the lock may be held for. And it stays
 * at that to the end of the change: keys that were read under the number are not to be written under a hidden identity that
 * was learned meanwhile, where Baileys would put the older ones over them.
 */
function skipLidQueriesDuring(currentLookups: () => LidLookups | undefined, lidMapping: LidMapping): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- to reach what it declares private
  const lookUpStored = getMethod(lidMapping as unknown as Prototype, '_getLIDsForPNsImpl');
  const lookUp = lidMapping.getLIDsForPNs.bind(lidMapping);
  const mappingWithoutQuery: unknown = Object.create(lidMapping, { pnToLIDFunc: { value: undefined } });
  lidMapping.getLIDsForPNs = async (numbers) => {
    const lookups = currentLookups();
    if (lookups === undefined) return await lookUp(numbers);
    const key = numbers.join(' ');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same method without its query
    const lookUpLocally = () => lookUpStored(mappingWithoutQuery, numbers) as ReturnType<typeof lookUp>;
    const found = lookups.get(key) ?? lookUpLocally();
    lookups.set(key, found);
    return await found;
  };
}
