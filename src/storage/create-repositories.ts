import type { Keyring } from '../crypto/keyring.ts';
import { StoredBookings } from './repositories/bookings.ts';
import { StoredClientReplies } from './repositories/client-replies.ts';
import { StoredClientVersion } from './repositories/client-version.ts';
import { StoredCompanies } from './repositories/companies.ts';
import { StoredConnectTokens } from './repositories/connect-tokens.ts';
import { StoredContacts } from './repositories/contacts.ts';
import { StoredCredentials } from './repositories/credentials.ts';
import { StoredEncryptedValues } from './repositories/encrypted-values.ts';
import { StoredEvents } from './repositories/events.ts';
import { StoredLeases } from './repositories/leases.ts';
import { StoredMessages } from './repositories/messages.ts';
import { StoredOutgoingWebhooks } from './repositories/outgoing-webhooks.ts';
import { StoredReceivedMessages } from './repositories/received-messages.ts';
import { StoredRestrictions } from './repositories/restrictions.ts';
import { StoredSettings } from './repositories/settings.ts';
import { StoredSyncCursors } from './repositories/sync-cursors.ts';
import type { Rpc } from './rpc/client.ts';

export type Repositories = ReturnType<typeof createRepositories>;

/** All repositories on one database. @param keyring encrypts secrets and received texts before they are stored */
export function createRepositories(rpc: Rpc, keyring: Keyring) {
  return {
    companies: new StoredCompanies(rpc, keyring),
    events: new StoredEvents(rpc),
    bookings: new StoredBookings(rpc),
    messages: new StoredMessages(rpc),
    clientReplies: new StoredClientReplies(rpc),
    contacts: new StoredContacts(rpc),
    receivedMessages: new StoredReceivedMessages(rpc, keyring),
    outgoingWebhooks: new StoredOutgoingWebhooks(rpc, keyring),
    settings: new StoredSettings(rpc),
    leases: new StoredLeases(rpc),
    syncCursors: new StoredSyncCursors(rpc),
    restrictions: new StoredRestrictions(rpc),
    connectTokens: new StoredConnectTokens(rpc),
    credentials: new StoredCredentials(rpc),
    clientVersion: new StoredClientVersion(rpc),
    encryptedValues: new StoredEncryptedValues(rpc),
  };
}
