/*
 * Upstream bug: libsignal 6.0.0 tries a message on each session of a device and advances the session's ratchet before it checks
 * the MAC (`doDecryptWhisperMessage`). The record is stored with the wrong sessions advanced, and later messages on them cannot
 * be decrypted. A device has several sessions when both sides opened one, or one side reset its own:
 * https://github.com/WhiskeySockets/libsignal-node/blob/master/src/session_cipher.js
 * The patch decrypts on a copy and updates the session only on success, as Signal's own library does.
 * Remove when `doDecryptWhisperMessage` leaves the session unchanged on failure.
 */

import { SessionCipher } from 'libsignal';
import { getMethod, patchOnce } from './monkey-patch.ts';

/** One session of a device's record; libsignal does not export the class. */
type SessionEntry = { serialize(): unknown; pendingPreKey?: unknown };
type SessionEntryClass = Readonly<{ deserialize(data: unknown): SessionEntry }>;

/** Marks a patched prototype. */
const patched = Symbol('trial decryption patched');

/** Idempotent; lasts until the process ends. */
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
