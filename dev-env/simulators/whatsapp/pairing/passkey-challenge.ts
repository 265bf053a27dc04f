import { randomBytes } from 'node:crypto';
import type { BinaryNode } from '@whiskeysockets/baileys';
import { stanza } from '../stanzas/nodes.ts';

/**
 * Sent instead of a link when the account requires a passkey: the request, or the step after a proof. Types and children after https://github.com/tulir/whatsmeow/pull/1186.
 */
export type PasskeyStep = 'passkey_prologue_request' | 'crsc_continuation';

const challengeTimeoutMs = 600_000;

/** What the notification of this step holds. */
export function passkeyContent(step: PasskeyStep): BinaryNode {
  if (step === 'crsc_continuation') return stanza('primary_ephemeral_identity', {}, randomBytes(64));
  const options = {
    challenge: randomBytes(32).toString('base64url'),
    rpId: 'whatsapp.com',
    userVerification: 'required',
    timeout: challengeTimeoutMs,
    allowCredentials: [],
  };
  return stanza('passkey_request_options', {}, Buffer.from(JSON.stringify(options)));
}
