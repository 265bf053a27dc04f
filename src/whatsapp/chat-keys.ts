import { AsyncLocalStorage } from 'node:async_hooks';
import type { WASocket } from '@whiskeysockets/baileys';
import { type AuthState, CredentialsNotSavedError } from './auth-state.ts';

/** Baileys locks by these names; whatever works on the keys of chats has one name for all. */
const chats = 'chats';

/** Runs a function outside of all transactions. */
const outside = AsyncLocalStorage.snapshot();

/**
 * Gives each change of a chat's keys to the store by itself, one after another, before its result is used. Baileys 7 makes a
 * whole send one transaction, which is written after the message has left, and lets the receiving change the same keys
 * meanwhile: the last to write wins, the other change is lost, and what one side writes next the other cannot read. Its long
 * transactions, named after the account, stay as they are for everything else; they may wait for WhatsApp.
 */
export function keepChatKeys({ authState: { creds, keys } }: WASocket, auth: AuthState): void {
  const transaction = keys.transaction.bind(keys);
  const working = new AsyncLocalStorage<true>();
  keys.transaction = async (work, name) => {
    if (name === creds.me?.id) return await transaction(work, name);
    if (working.getStore() === true) return await work();
    try {
      return await outside(() => working.run(true, () => transaction(work, chats)));
    } catch (error) {
      // Baileys would leave this recipient out and send the message to the others.
      if (error instanceof CredentialsNotSavedError) auth.giveUp(error);
      throw error;
    }
  };
}
