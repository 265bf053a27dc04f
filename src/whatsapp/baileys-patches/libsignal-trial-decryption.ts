import { SessionCipher } from 'libsignal';
import { getMethod, patchOnce } from './monkey-patch.ts';

/** One of the sessions that a record keeps for a device; not exported by libsignal. */
type SessionEntry = { serialize(): unknown; pendingPreKey?: unknown };
type SessionEntryClass = Readonly<{ deserialize(data: unknown): SessionEntry }>;

/** Marks a prototype whose trial decryption patched already. */
const patched = Symbol('trial decryption patched');

/**
 * libsignal 6 tries a message on one session of a device after the other and turns the ratchet of each before it knows whether
 * the session is the right one; the record is then stored with the wrong ones spoilt, and what is next sent or received on them
 * cannot be read. A device has several sessions as soon as both sides wrote first at the same time, or one of them began anew.
 * Here each attempt has a copy, which the session takes over when the message was its own, as in Signal's own library.
 */
export function isolateTrialDecryption(): void {
  patchOnce(SessionCipher.prototype, patched, (prototype) => {
    const decrypt = getMethod(prototype, 'doDecryptWhisperMessage');
    prototype['doDecryptWhisperMessage'] = async function (message: unknown, session?: SessionEntry) {
      if (session === undefined) return await decrypt(this, message, session);
      const copy = cloneEntry(session);
      const plaintext = await decrypt(this, message, copy);
      delete session.pendingPreKey;
      Object.assign(session, copy);
      return plaintext;
    };
  });
}

function cloneEntry(session: SessionEntry): SessionEntry {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the class is not exported
  return (session.constructor as unknown as SessionEntryClass).deserialize(session.serialize());
}
