import { AsyncLocalStorage } from 'node:async_hooks';
import type { WASocket } from '@whiskeysockets/baileys';
import { type AuthState, CredentialsNotSavedError } from '../credentials/auth-state.ts';
import { methodOf, type Prototype } from './monkey-patch.ts';

/** Baileys locks by these names; whatever works on the keys of chats has one name for all. */
const chats = 'chats';
/** Of the transaction that keeps which number is which hidden identity: whoever asks WhatsApp for that may wait with it. */
const lidMappings = 'lid-mapping';

/** Runs a function outside of all transactions. */
const outside = AsyncLocalStorage.snapshot();

/**
 * Gives each change of a chat's keys to the store by itself, one after another, before its result is used. Baileys 7 makes a
 * whole send one transaction, which is written after the message has left, and lets the receiving change the same keys
 * meanwhile: the last to write wins, the other change is lost, and what one side writes next the other cannot read. Its long
 * transactions, named after the account, stay as they are for everything else; they may wait for WhatsApp, a change may not.
 */
export function keepChatKeys(
  { authState, signalRepository }: Pick<WASocket, 'authState' | 'signalRepository'>,
  auth: Pick<AuthState, 'giveUp'>,
): void {
  const { creds, keys } = authState;
  const working = new AsyncLocalStorage<KnownNumbers>();
  const transaction = keys.transaction.bind(keys);
  keys.transaction = async (work, name) => {
    if (name === creds.me?.id || name === lidMappings) return await transaction(work, name);
    if (working.getStore() !== undefined) return await work();
    try {
      return await outside(() => working.run(new Map(), () => transaction(work, chats)));
    } catch (error) {
      // Baileys would leave this recipient out and send the message to the others.
      if (error instanceof CredentialsNotSavedError) auth.giveUp(error);
      throw error;
    }
  };
  askNobodyWhile(() => working.getStore(), signalRepository.lidMapping);
}

type LidMapping = WASocket['signalRepository']['lidMapping'];
/** What the look-ups of one change gave, by the numbers asked for. */
type KnownNumbers = Map<string, ReturnType<LidMapping['getLIDsForPNs']>>;

/**
 * Baileys looks a number up at each touch of its keys, at WhatsApp too if need be. Under the lock it is left at what is known:
 * everybody asks before, and who has asked already waits for the same answer with what the lock may be held for. And it stays
 * at that to the end of the change: keys that were read under the number are not to be written under a hidden identity that
 * was learned meanwhile, where Baileys would put the older ones over them.
 */
function askNobodyWhile(present: () => KnownNumbers | undefined, lidMapping: LidMapping): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- to reach what it declares private
  const lookUpKnown = methodOf(lidMapping as unknown as Prototype, '_getLIDsForPNsImpl');
  const lookUp = lidMapping.getLIDsForPNs.bind(lidMapping);
  const unasking: unknown = Object.create(lidMapping, { pnToLIDFunc: { value: undefined } });
  lidMapping.getLIDsForPNs = async (numbers) => {
    const known = present();
    if (known === undefined) return await lookUp(numbers);
    const key = numbers.join(' ');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same method without its question
    const found = known.get(key) ?? (lookUpKnown(unasking, numbers) as ReturnType<typeof lookUp>);
    known.set(key, found);
    return await found;
  };
}
