/*
 * Upstream bug: Baileys 7.0.0-rc14 locks key transactions by name, so sending and receiving change the same Signal session
 * concurrently, and the last commit overwrites the other: https://github.com/WhiskeySockets/Baileys/pull/2811
 * A send also commits its keys only after the message has left (`relayMessage` in lib/Socket/messages-send.js).
 * The patch runs each change of a Signal session as a separate transaction under one lock, committed before its result is used.
 * Remove when #2811 is released and `relayMessage` commits the keys before it sends.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { WASocket } from '@whiskeysockets/baileys';
import { type AuthState, CredentialsNotSavedError } from '../credentials/auth-state.ts';
import { getMethod, type Prototype } from './monkey-patch.ts';

/** The lock of all changes to Signal sessions; Baileys locks transactions by name. */
const signalSessionsLock = 'signal-sessions';
/** Baileys' own lock for LID mappings. It may be held during a query to WhatsApp, so it stays separate. */
const lidMappingLock = 'lid-mapping';

/** Runs a function outside any transaction. */
const runOutsideTransaction = AsyncLocalStorage.snapshot();

/** Leaves the transactions named after the account as they are: they contain queries to WhatsApp. */
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
        activeLookups.run(new Map(), () => transaction(work, signalSessionsLock)),
      );
    } catch (error) {
      // Baileys would skip this recipient and send the message to the others.
      if (error instanceof CredentialsNotSavedError) auth.abort(error);
      throw error;
    }
  };
  skipLidQueriesDuring(() => activeLookups.getStore(), signalRepository.lidMapping);
}

type LidMapping = WASocket['signalRepository']['lidMapping'];
/** Results of the lookups within one transaction, by the requested numbers. */
type LidLookups = Map<string, ReturnType<LidMapping['getLIDsForPNs']>>;

/**
 * Baileys resolves a number to its LID at each access to its keys and queries WhatsApp for an unknown one. Within a transaction
 * the lookup is local, because the query may wait for the same lock, and its first result is kept until the end: keys read
 * under the number must not be written under a LID that was learned meanwhile.
 */
function skipLidQueriesDuring(currentLookups: () => LidLookups | undefined, lidMapping: LidMapping): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a private method
  const lookUpStored = getMethod(lidMapping as unknown as Prototype, '_getLIDsForPNsImpl');
  const lookUp = lidMapping.getLIDsForPNs.bind(lidMapping);
  const mappingWithoutQuery: unknown = Object.create(lidMapping, { pnToLIDFunc: { value: undefined } });
  lidMapping.getLIDsForPNs = async (numbers) => {
    const lookups = currentLookups();
    if (lookups === undefined) return await lookUp(numbers);
    const key = numbers.join(' ');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- returns what `getLIDsForPNs` returns
    const lookUpLocally = () => lookUpStored(mappingWithoutQuery, numbers) as ReturnType<typeof lookUp>;
    const found = lookups.get(key) ?? lookUpLocally();
    lookups.set(key, found);
    return await found;
  };
}
